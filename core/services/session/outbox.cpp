// The durable queue of messages to the server: run/outbox.db.
#include "services/session/outbox.hpp"

#include <fcntl.h>
#include <grp.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <memory>

#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include "support/files.hpp"
#include "support/timestamps.hpp"

namespace jetpack::session {

namespace {

constexpr int64_t schema_version = 1;
constexpr int64_t page_size = 4096;
// When the write-ahead log has this many pages, whoever commits next empties it. Until then a
// commit costs one sync, and what the first process after a quiet time has to read is small.
constexpr int max_log_pages = 64;
// Dead letters are kept for a person to see, not for ever.
constexpr int64_t max_dead = 1000;
constexpr mode_t shared_mode = 0660;
constexpr int busy_timeout_ms = 10000;

constexpr const char* schema = R"(
  CREATE TABLE IF NOT EXISTS outbox(
    seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL, type TEXT NOT NULL,
    data TEXT NOT NULL, time TEXT NOT NULL, cluster TEXT, node TEXT, instance TEXT, session TEXT,
    hostname TEXT, attempts INTEGER NOT NULL DEFAULT 0, error TEXT);
  CREATE TABLE IF NOT EXISTS dead(
    seq INTEGER PRIMARY KEY, id TEXT NOT NULL, type TEXT NOT NULL, data TEXT NOT NULL,
    time TEXT NOT NULL, cluster TEXT, node TEXT, instance TEXT, session TEXT, hostname TEXT,
    reason TEXT NOT NULL);
  PRAGMA user_version = 1;
)";

constexpr std::string_view columns =
    "seq, id, type, data, time, cluster, node, instance, session, hostname";

Message message_at(const Statement& row) {
  Message message;
  message.seq = row.integer(0);
  message.id = row.text(1);
  message.type = row.text(2);
  message.data = row.text(3);
  message.time = row.text(4);
  message.from = {row.text(5), row.text(6), row.text(7), row.text(8)};
  message.hostname = row.text(9);
  return message;
}

// After each commit. Emptied for good, because that a log was copied back is known only as long as
// some process has it open. When others read it now, a later commit will do.
int empty_log(void*, sqlite3* handle, const char* name, int pages) {
  if (pages < max_log_pages) return SQLITE_OK;
  sqlite3_busy_timeout(handle, 0);
  sqlite3_wal_checkpoint_v2(handle, name, SQLITE_CHECKPOINT_TRUNCATE, nullptr, nullptr);
  sqlite3_busy_timeout(handle, busy_timeout_ms);
  return SQLITE_OK;
}

std::string group_name(gid_t id) {
  // Kept off the stack: a group may have thousands of members.
  std::vector<char> buffer(64 << 10);
  group entry{};
  group* found = nullptr;
  if (::getgrgid_r(id, &entry, buffer.data(), buffer.size(), &found) == 0 && found != nullptr)
    return entry.gr_name;
  return std::to_string(id);
}

struct Free {
  void operator()(char* text) const { std::free(text); }  // NOLINT(*-no-malloc): realpath's
};

// The run folder without symbolic links, which SQLite is told not to follow.
std::string resolve(const std::string& folder) {
  const std::unique_ptr<char, Free> resolved(::realpath(folder.c_str(), nullptr));
  if (resolved) return resolved.get();
  const int error = errno;
  throw Error(error == EACCES ? Errc::denied : Errc::unavailable,
              "cannot use the message queue in " + folder + ": " + system_message(error) +
                  "; check JETPACK_HOME, and that the folder exists and may be entered");
}

[[noreturn]] void fail_create(const std::string& folder, const std::string& path, int error) {
  const std::string text = "cannot create " + path + ": " + system_message(error);
  struct stat info {};
  if (error == EACCES && ::stat(folder.c_str(), &info) == 0)
    throw Error(Errc::denied,
                text + "; run as root or as a member of the group " + group_name(info.st_gid));
  if (error == EROFS) throw Error(Errc::unavailable, text + "; mount the file system writable");
  if (error == ENOSPC || error == EDQUOT)
    throw Error(Errc::unavailable, text + "; free disk space");
  throw Error(error == EACCES || error == EPERM ? Errc::denied : Errc::unavailable, text);
}

// A file under a name of its own, which link() then gives its real one at once with mode and group.
class Draft {
 public:
  Draft(const std::string& folder, const std::string& path) : name_(path + ".XXXXXX") {
    fd_ = Fd(::mkostemp(name_.data(), O_CLOEXEC));
    if (!fd_) fail_create(folder, path, errno);
  }
  ~Draft() { ::unlink(name_.c_str()); }
  Draft(const Draft&) = delete;
  Draft& operator=(const Draft&) = delete;

  void share(gid_t group) const {
    // Whoever is not in the group keeps the file to himself and root.
    if (::fchown(fd_.get(), static_cast<uid_t>(-1), group) == 0) ::fchmod(fd_.get(), shared_mode);
  }
  // EEXIST means that somebody was faster.
  int link_to(const std::string& path) const {
    return ::link(name_.c_str(), path.c_str()) == 0 || errno == EEXIST ? 0 : errno;
  }

 private:
  std::string name_;
  Fd fd_;
};

void fill_random(unsigned char* bytes, size_t size) {
  while (size > 0) {
    const ssize_t got = ::getrandom(bytes, size, 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw Error(Errc::failed, "cannot get random bytes: " + system_message(errno));
    bytes += got;
    size -= static_cast<size_t>(got);
  }
}

}  // namespace

std::string make_uuid() {
  unsigned char bytes[16];
  fill_random(bytes, sizeof bytes);
  bytes[6] = static_cast<unsigned char>((bytes[6] & 0x0f) | 0x40);
  bytes[8] = static_cast<unsigned char>((bytes[8] & 0x3f) | 0x80);
  constexpr char hex[] = "0123456789abcdef";
  std::string text;
  for (size_t i = 0; i < sizeof bytes; ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
    text += hex[bytes[i] >> 4];
    text += hex[bytes[i] & 15];
  }
  return text;
}

std::string shared_file(const std::string& folder, const std::string& name) {
  const std::string resolved = resolve(folder);
  std::string path = resolved + '/' + name;
  struct stat info {};
  if (::lstat(path.c_str(), &info) == 0) return path;
  if (::stat(resolved.c_str(), &info) != 0) fail_create(resolved, path, errno);
  const Draft draft(resolved, path);
  draft.share(info.st_gid);
  if (const int error = draft.link_to(path); error != 0) fail_create(resolved, path, error);
  return path;
}

namespace {

constexpr const char* place_lock = "outbox.place.lock";

// Held while the database is being opened; whoever moves it aside holds the lock alone. So nobody
// opens a database without the log that belongs to it.
Fd hold_in_place(const std::string& folder) {
  const std::string path = shared_file(folder, place_lock);
  Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  while (!fd || ::flock(fd.get(), LOCK_SH) != 0)
    if (!fd || errno != EINTR)
      throw Error(errno == EACCES ? Errc::denied : Errc::unavailable,
                  "cannot lock " + path + ": " + system_message(errno));
  return fd;
}

}  // namespace

// Runs `work`; when the database turns out to be corrupt, replaces it and runs `work` once more.
template <class Work>
auto Outbox::repairing(Work&& work) {
  try {
    return work();
  } catch (const DatabaseError& e) {
    if (!e.is_corrupt()) throw;
  }
  repair();
  return work();
}

Outbox::Outbox(Options options) : options_(std::move(options)) {
  repairing([this] {
    if (!database_) open();
  });
}

void Outbox::open() {
  const Fd held = hold_in_place(options_.folder);
  open_in_place();
}

void Outbox::open_in_place() {
  path_ = shared_file(options_.folder, "outbox.db");
  struct stat info {};
  if (::stat(path_.c_str(), &info) != 0) fail_create(options_.folder, path_, errno);
  device_ = info.st_dev;
  inode_ = info.st_ino;
  database_.emplace(path_, SQLITE_OPEN_READWRITE, std::chrono::milliseconds(busy_timeout_ms));
  sqlite3* handle = database_->handle();
  // The log stays when the last process leaves, so that a publish costs one sync.
  int persist = 1;
  sqlite3_file_control(handle, "main", SQLITE_FCNTL_PERSIST_WAL, &persist);
  sqlite3_db_config(handle, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
  sqlite3_wal_hook(handle, &empty_log, nullptr);
  database_->execute("PRAGMA synchronous = FULL");
  if (database_->integer("PRAGMA user_version") == 0) create_schema();
  if (const int64_t version = database_->integer("PRAGMA user_version"); version != schema_version)
    throw Error(Errc::unsupported, "cannot use " + path_ + ": it has version " +
                                       std::to_string(version) + ", and this jetpack knows " +
                                       std::to_string(schema_version) +
                                       "; install a newer jetpack");
  limit_size();
}

void Outbox::create_schema() {
  // One at a time: changing the journal mode does not wait for others.
  const auto lock = FileLock::wait(shared_file(options_.folder, "outbox.setup.lock"), shared_mode);
  if (database_->integer("PRAGMA user_version") != 0) return;
  database_->execute("PRAGMA journal_mode = WAL");
  Transaction transaction(*database_);
  database_->execute(schema);
  transaction.commit();
}

void Outbox::limit_size() {
  const int64_t pages =
      database_->integer("PRAGMA page_count") - database_->integer("PRAGMA freelist_count");
  uint64_t limit = 4 * small;  // room for the largest message above `small`
  if (static_cast<uint64_t>(pages * page_size) > small) {
    if (cap_ == 0) cap_ = options_.max_bytes();
    limit = cap_;
  }
  const std::string sql =
      "PRAGMA max_page_count = " + std::to_string(limit / static_cast<uint64_t>(page_size));
  database_->execute(sql.c_str());
}

// Whether the open database is still the one at the path.
bool Outbox::is_in_place() const {
  struct stat info {};
  return ::stat(path_.c_str(), &info) == 0 && info.st_dev == device_ && info.st_ino == inode_;
}

namespace {

bool is_corrupt(const std::string& path) {
  try {
    Database database(path, SQLITE_OPEN_READWRITE, std::chrono::milliseconds(busy_timeout_ms));
    sqlite3_db_config(database.handle(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
    Statement check(database, "PRAGMA quick_check(1)");
    return !check.step() || check.text(0) != "ok";
  } catch (const DatabaseError& e) {
    if (e.is_corrupt()) return true;
    throw;
  }
}

// A message that was read from a damaged file and still has the form of one.
bool is_whole(const Message& message) {
  return message.id.size() == 36 && !message.type.empty() && message.data.starts_with('{') &&
         message.data.ends_with('}');
}

// The messages that can still be read from a damaged database.
std::vector<Message> salvage(const std::string& path) {
  std::vector<Message> messages;
  try {
    Database damaged(path, SQLITE_OPEN_READWRITE, std::chrono::seconds(1));
    sqlite3_db_config(damaged.handle(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
    Statement row(damaged, "SELECT " + std::string(columns) + " FROM outbox ORDER BY seq");
    while (row.step()) {
      Message message = message_at(row);
      if (is_whole(message)) messages.push_back(std::move(message));
    }
  } catch (const Error&) {
    // As far as it goes; the rest stays in the file that was moved aside.
  }
  return messages;
}

}  // namespace

// Moves the corrupt database aside. Several processes may find it corrupt at once: the first to
// have the lock moves it, the others find a sound one in its place. A process that still writes to
// the old one notices in add().
void Outbox::repair() {
  database_.reset();
  const auto lock = FileLock::wait(shared_file(options_.folder, place_lock), shared_mode);
  path_ = shared_file(options_.folder, "outbox.db");
  if (!is_corrupt(path_)) return open_in_place();

  const std::string aside = move_aside(path_);
  // The log belongs to the file; it may hold what was committed last.
  for (const char* part : {"-wal", "-shm"})
    ::rename((path_ + part).c_str(), (aside + part).c_str());
  options_.warn("the message queue " + path_ + " was corrupt; it was moved to " + aside);
  open_in_place();
  const auto saved = salvage(aside);
  Transaction transaction(*database_);
  for (const auto& message : saved) insert(message);
  transaction.commit();
  options_.warn(std::to_string(saved.size()) + " messages of " + aside + " are queued again");
}

int64_t Outbox::insert(const Message& message) {
  Statement statement(*database_,
                      "INSERT INTO outbox(id, type, data, time, cluster, node, instance, session, "
                      "hostname) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?)");
  statement.bind(message.id).bind(message.type).bind(message.data).bind(message.time);
  statement.bind_known(message.from.cluster).bind_known(message.from.node);
  statement.bind_known(message.from.instance).bind_known(message.from.session);
  statement.bind_known(message.hostname);
  statement.run();
  return sqlite3_last_insert_rowid(database_->handle());
}

void Outbox::reopen_if_replaced() {
  if (is_in_place()) return;
  database_.reset();
  open();
}

Message Outbox::add(Message message) {
  return repairing([&] {
    for (;;) {
      try {
        limit_size();
        message.seq = insert(message);
        message.database = inode_;
        if (is_in_place()) return message;
        // It went to a file that is no longer the queue.
        reopen_if_replaced();
      } catch (const DatabaseError& e) {
        if (!e.is_full()) throw;
        fail_full(e);
      }
    }
  });
}

void Outbox::fail_full(const DatabaseError& cause) {
  const int64_t pages = database_->integer("PRAGMA page_count");
  const int64_t max_pages = database_->integer("PRAGMA max_page_count");
  const int64_t free_pages = database_->integer("PRAGMA freelist_count");
  // Not all of the allowed pages are in use: it was the disk.
  constexpr int64_t margin = 2 * static_cast<int64_t>(small) / page_size;
  if (pages - free_pages + margin < max_pages) throw cause;
  Statement row(*database_, "SELECT count(*), min(time) FROM outbox");
  row.step();
  throw Error(Errc::unavailable,
              "the message queue " + path_ + " is full: " + std::to_string(row.integer(0)) +
                  " messages wait since " + row.text(1) + ", and the cap is " +
                  std::to_string(max_pages * page_size >> 20) +
                  " MiB; make the server reachable, or raise cyclecloud.jetpack.outbox_max_mib");
}

std::vector<Message> Outbox::oldest(size_t count, uint64_t bytes) {
  return repairing([&] {
    reopen_if_replaced();
    std::vector<Message> messages;
    Statement row(*database_,
                  "SELECT " + std::string(columns) + " FROM outbox ORDER BY seq LIMIT ?");
    row.bind(static_cast<int64_t>(count));
    uint64_t size = 0;
    while (row.step()) {
      Message message = message_at(row);
      size += message.data.size();
      if (!messages.empty() && size > bytes) break;
      messages.push_back(std::move(message));
    }
    return messages;
  });
}

void Outbox::remove(const std::vector<Message>& messages) {
  repairing([&] {
    Transaction transaction(*database_);
    // By id too: after a repair a seq may belong to another message.
    Statement statement(*database_, "DELETE FROM outbox WHERE seq = ? AND id = ?");
    for (const auto& message : messages) statement.bind(message.seq).bind(message.id).run();
    transaction.commit();
  });
}

void Outbox::bury(const Message& message, const std::string& reason) {
  repairing([&] {
    Transaction transaction(*database_);
    Statement copy(*database_, "INSERT OR REPLACE INTO dead SELECT " + std::string(columns) +
                                   ", ? FROM outbox WHERE seq = ? AND id = ?");
    copy.bind(reason).bind(message.seq).bind(message.id).run();
    Statement(*database_, "DELETE FROM outbox WHERE seq = ? AND id = ?")
        .bind(message.seq)
        .bind(message.id)
        .run();
    trim_dead();
    transaction.commit();
  });
}

// Keeps the newest dead letters, in number and in at most an eighth of the cap.
void Outbox::trim_dead() {
  if (cap_ == 0) cap_ = options_.max_bytes();
  const int64_t dropped = database_->integer(
      "SELECT coalesce(max(seq), 0) FROM (SELECT seq, row_number() OVER newest AS rank, "
      "sum(length(data)) OVER newest AS bytes FROM dead WINDOW newest AS (ORDER BY seq DESC)) "
      "WHERE rank > " +
      std::to_string(max_dead) + " OR bytes > " + std::to_string(cap_ / 8));
  if (dropped == 0) return;
  Statement(*database_, "DELETE FROM dead WHERE seq <= ?").bind(dropped).run();
  options_.warn("dropped " + std::to_string(sqlite3_changes(database_->handle())) +
                " of the oldest messages that the server had refused: too many are kept");
}

void Outbox::record_failure(const std::vector<Message>& messages, const std::string& reason) {
  repairing([&] {
    Transaction transaction(*database_);
    Statement statement(
        *database_,
        "UPDATE outbox SET attempts = attempts + 1, error = ? WHERE seq = ? AND id = ?");
    for (const auto& message : messages)
      statement.bind(reason).bind(message.seq).bind(message.id).run();
    transaction.commit();
  });
}

Outbox::State Outbox::state_of(Message& message) {
  return repairing([&] {
    reopen_if_replaced();
    if (message.database != inode_) {
      message = add(message);
      return State::waiting;
    }
    // One statement, so that a message on its way to the dead letters is seen in one of both.
    Statement row(*database_,
                  "SELECT EXISTS(SELECT 1 FROM outbox WHERE seq = ?1 AND id = ?2), "
                  "EXISTS(SELECT 1 FROM dead WHERE seq = ?1 AND id = ?2)");
    row.bind(message.seq).bind(message.id).step();
    if (row.integer(0) != 0) return State::waiting;
    return row.integer(1) != 0 ? State::dead : State::delivered;
  });
}

std::string Outbox::reason_of(const Message& message) {
  return repairing([&] {
    Statement row(*database_, "SELECT reason FROM dead WHERE seq = ? AND id = ?");
    row.bind(message.seq).bind(message.id);
    return row.step() ? row.text(0) : std::string();
  });
}

namespace {

using Writer = rapidjson::Writer<rapidjson::StringBuffer>;

void put(Writer& json, const char* key, const std::string& text) {
  json.Key(key);
  json.String(text.data(), static_cast<rapidjson::SizeType>(text.size()));
}

void write_dead(Writer& json, Database& database) {
  json.Key("dead");
  json.StartArray();
  Statement row(database, "SELECT id, type, time, reason FROM dead ORDER BY seq");
  while (row.step()) {
    json.StartObject();
    put(json, "id", row.text(0));
    put(json, "type", row.text(1));
    put(json, "time", row.text(2));
    put(json, "reason", row.text(3));
    json.EndObject();
  }
  json.EndArray();
}

}  // namespace

std::string Outbox::describe() {
  return repairing([&] {
    rapidjson::StringBuffer buffer;
    Writer json(buffer);
    json.StartObject();
    Statement row(*database_,
                  "SELECT count(*), coalesce(sum(length(CAST(data AS BLOB))), 0), min(time) "
                  "FROM outbox");
    row.step();
    json.Key("depth");
    json.Int64(row.integer(0));
    json.Key("bytes");
    json.Int64(row.integer(1));
    if (row.integer(0) > 0) {
      put(json, "oldest", row.text(2));
    } else {
      json.Key("oldest");
      json.Null();
    }
    write_dead(json, *database_);
    json.EndObject();
    return std::string(buffer.GetString(), buffer.GetSize());
  });
}

}  // namespace jetpack::session
