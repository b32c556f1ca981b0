// The durable queue of what this node sends: run/outbox.db.
#include "services/session/outbox.hpp"

#include <fcntl.h>
#include <grp.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <memory>

#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include "support/files.hpp"
#include "support/json.hpp"

namespace jetpack::session {

namespace {

constexpr int64_t schema_version = 2;
constexpr int64_t page_size = 4096;
// When the write-ahead log has this many pages, whoever commits next empties it. Until then a
// commit costs one sync, and what the first process after a quiet time has to read is small.
constexpr int max_log_pages = 64;
// Dead letters are kept for a person to see, not for ever.
constexpr int64_t max_dead = 1000;
constexpr size_t max_dead_body = 256 << 10;
constexpr mode_t shared_mode = 0660;
constexpr int busy_timeout_ms = 10000;

// A schema is made by going through all the versions, so that a new one and an upgraded one are
// the same.
constexpr const char* to_version_1 = R"(
  CREATE TABLE outbox(
    seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL, type TEXT NOT NULL,
    data TEXT NOT NULL, time TEXT NOT NULL, cluster TEXT, node TEXT, instance TEXT, session TEXT,
    hostname TEXT, attempts INTEGER NOT NULL DEFAULT 0, error TEXT);
  CREATE TABLE dead(
    seq INTEGER PRIMARY KEY, id TEXT NOT NULL, type TEXT NOT NULL, data TEXT NOT NULL,
    time TEXT NOT NULL, cluster TEXT, node TEXT, instance TEXT, session TEXT, hostname TEXT,
    reason TEXT NOT NULL);
)";

// A column more takes no copying, so that an upgrade needs no time and hardly any space. A letter's
// body stands last, and in a table of its own, so that passing over a letter does not read it.
constexpr const char* to_version_2 = R"(
  ALTER TABLE outbox ADD COLUMN kind INTEGER NOT NULL DEFAULT 1;
  ALTER TABLE dead ADD COLUMN kind INTEGER NOT NULL DEFAULT 1;
  ALTER TABLE dead ADD COLUMN target TEXT;
  CREATE TABLE letter(
    seq INTEGER PRIMARY KEY, kind INTEGER NOT NULL, method TEXT NOT NULL, address TEXT NOT NULL,
    exchange TEXT NOT NULL, content_type TEXT NOT NULL, headers TEXT NOT NULL,
    persistent INTEGER NOT NULL, body BLOB NOT NULL);
  PRAGMA user_version = 2;
)";

constexpr std::string_view message_columns =
    "outbox.seq, id, type, data, time, cluster, node, instance, session, hostname";
constexpr std::string_view letter_columns =
    ", outbox.kind, method, address, exchange, content_type, headers, persistent, body";
constexpr int data_column = 3;
constexpr int kind_column = 10;
constexpr int body_column = 17;

using Writer = rapidjson::Writer<rapidjson::StringBuffer>;

void put(Writer& json, const std::string& text) {
  json.String(text.data(), static_cast<rapidjson::SizeType>(text.size()));
}

// [["name", "value"], ...]
std::string to_text(const std::vector<std::pair<std::string, std::string>>& headers) {
  rapidjson::StringBuffer buffer;
  Writer json(buffer);
  json.StartArray();
  for (const auto& [name, value] : headers) {
    json.StartArray();
    put(json, name);
    put(json, value);
    json.EndArray();
  }
  json.EndArray();
  return {buffer.GetString(), buffer.GetSize()};
}

std::vector<std::pair<std::string, std::string>> headers_of(const std::string& text) {
  std::vector<std::pair<std::string, std::string>> headers;
  const support::Json json = support::Json::parse(text, "a letter's headers");
  for (const auto& pair : json.root().GetArray())
    headers.emplace_back(support::text_of(pair[0]), support::text_of(pair[1]));
  return headers;
}

// A row of message_columns.
Message message_at(const Statement& row) {
  Message message;
  message.seq = row.integer(0);
  message.id = row.text(1);
  message.type = row.text(2);
  message.data = row.text(data_column);
  message.time = row.text(4);
  message.from = {row.text(5), row.text(6), row.text(7), row.text(8)};
  message.hostname = row.text(9);
  return message;
}

// A row of message_columns and letter_columns.
Message any_at(const Statement& row) {
  Message message = message_at(row);
  message.kind = static_cast<Kind>(row.integer(kind_column));
  if (message.kind == Kind::message) return message;
  message.data = row.text(body_column);
  message.letter = {
      row.text(11),        row.text(12), row.text(13), row.text(14), headers_of(row.text(15)),
      row.integer(16) != 0};
  return message;
}

// What a letter was to do, for a person.
std::string target_of(const Message& message) {
  const Letter& letter = message.letter;
  if (message.kind == Kind::letter_to_server) return letter.method + ' ' + letter.address;
  if (message.kind == Kind::letter_to_broker)
    return "exchange '" + letter.exchange + "', routing key '" + letter.address + "'";
  return {};
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

// The run directory without symbolic links, which SQLite is told not to follow.
std::string resolve(const std::string& directory) {
  const std::unique_ptr<char, Free> resolved(::realpath(directory.c_str(), nullptr));
  if (resolved) return resolved.get();
  const int error = errno;
  throw Error(error == EACCES ? Errc::denied : Errc::unavailable,
              "cannot use the message queue in " + directory + ": " +
                  support::system_message(error) +
                  "; check JETPACK_HOME, and that the directory exists and may be entered");
}

[[noreturn]] void fail_create(const std::string& directory, const std::string& path, int error) {
  const std::string text = "cannot create " + path + ": " + support::system_message(error);
  struct stat info {};
  if (error == EACCES && ::stat(directory.c_str(), &info) == 0)
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
  Draft(const std::string& directory, const std::string& path) : name_(path + ".XXXXXX") {
    fd_ = support::Fd(::mkostemp(name_.data(), O_CLOEXEC));
    if (!fd_) fail_create(directory, path, errno);
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
  support::Fd fd_;
};

void fill_random(unsigned char* bytes, size_t size) {
  while (size > 0) {
    const ssize_t got = ::getrandom(bytes, size, 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0)
      throw Error(Errc::failed, "cannot get random bytes: " + support::system_message(errno));
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

std::string shared_file(const std::string& directory, const std::string& name) {
  const std::string resolved = resolve(directory);
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
support::Fd hold_in_place(const std::string& directory) {
  const std::string path = shared_file(directory, place_lock);
  support::Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  while (!fd || ::flock(fd.get(), LOCK_SH) != 0)
    if (!fd || errno != EINTR)
      throw Error(errno == EACCES ? Errc::denied : Errc::unavailable,
                  "cannot lock " + path + ": " + support::system_message(errno));
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
  const support::Fd held = hold_in_place(options_.directory);
  open_in_place();
}

void Outbox::open_in_place() {
  path_ = shared_file(options_.directory, "outbox.db");
  struct stat info {};
  if (::stat(path_.c_str(), &info) != 0) fail_create(options_.directory, path_, errno);
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
  prepare_schema();
  delivered_.clear();
  limit_size(0);
}

void Outbox::prepare_schema() {
  if (database_->integer("PRAGMA user_version") == schema_version) return;
  // One at a time: changing the journal mode does not wait for others.
  const auto lock =
      support::FileLock::wait(shared_file(options_.directory, "outbox.setup.lock"), shared_mode);
  const int64_t version = database_->integer("PRAGMA user_version");
  if (version == schema_version) return;
  if (version < 0 || version > schema_version)
    throw Error(Errc::unsupported, "cannot use " + path_ + ": it has version " +
                                       std::to_string(version) + ", and this jetpack knows " +
                                       std::to_string(schema_version) +
                                       "; install a newer jetpack");
  if (version == 0) database_->execute("PRAGMA journal_mode = WAL");
  Transaction transaction(*database_);
  if (version == 0) database_->execute(to_version_1);
  database_->execute(to_version_2);
  transaction.commit();
}

// `more`: bytes of what is to be stored.
void Outbox::limit_size(uint64_t more) {
  const int64_t pages =
      database_->integer("PRAGMA page_count") - database_->integer("PRAGMA freelist_count");
  uint64_t limit = 4 * small;  // room for the largest message above `small`
  if (more > small || static_cast<uint64_t>(pages * page_size) > small) {
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
  if (message.id.size() != 36 || message.type.empty()) return false;
  if (message.kind != Kind::message) return !message.letter.content_type.empty();
  return message.data.starts_with('{') && message.data.ends_with('}');
}

std::string select_any(const std::string& source) {
  return "SELECT " + std::string(message_columns) + std::string(letter_columns) + " FROM " +
         source + " ORDER BY outbox.seq";
}

// The messages that can still be read from a damaged database.
std::vector<Message> salvage(const std::string& path) {
  std::vector<Message> messages;
  try {
    Database damaged(path, SQLITE_OPEN_READWRITE, std::chrono::seconds(1));
    sqlite3_db_config(damaged.handle(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
    const bool has_letters =
        damaged.integer("SELECT count(*) FROM pragma_table_info('outbox') WHERE name = 'kind'") > 0;
    Statement row(damaged, has_letters ? select_any("outbox LEFT JOIN letter USING(seq)")
                                       : "SELECT " + std::string(message_columns) +
                                             " FROM outbox ORDER BY seq");
    while (row.step()) {
      Message message = has_letters ? any_at(row) : message_at(row);
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
  const auto lock =
      support::FileLock::wait(shared_file(options_.directory, place_lock), shared_mode);
  path_ = shared_file(options_.directory, "outbox.db");
  if (!is_corrupt(path_)) return open_in_place();

  const std::string aside = support::move_aside(path_);
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

namespace {

int64_t number(Kind kind) { return static_cast<int64_t>(kind); }

int64_t insert_row(Database& database, const Message& message) {
  Statement statement(database,
                      "INSERT INTO outbox(id, type, data, time, cluster, node, instance, session, "
                      "hostname, kind) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
  const bool is_letter = message.kind != Kind::message;
  statement.bind(message.id).bind(message.type);
  statement.bind(is_letter ? std::string_view() : std::string_view(message.data));
  statement.bind(message.time);
  statement.bind_known(message.from.cluster).bind_known(message.from.node);
  statement.bind_known(message.from.instance).bind_known(message.from.session);
  statement.bind_known(message.hostname).bind(number(message.kind)).run();
  return sqlite3_last_insert_rowid(database.handle());
}

void insert_letter(Database& database, int64_t seq, const Message& message) {
  const Letter& letter = message.letter;
  const std::string headers = to_text(letter.headers);
  Statement(database, "INSERT INTO letter VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?)")
      .bind(seq)
      .bind(number(message.kind))
      .bind(letter.method)
      .bind(letter.address)
      .bind(letter.exchange)
      .bind(letter.content_type)
      .bind(headers)
      .bind(int64_t{letter.persistent})
      .bind_blob(message.data)
      .run();
}

}  // namespace

// Within a transaction when it is a letter.
int64_t Outbox::insert(const Message& message) {
  const int64_t seq = insert_row(*database_, message);
  if (message.kind != Kind::message) insert_letter(*database_, seq, message);
  return seq;
}

void Outbox::reopen_if_replaced() {
  if (is_in_place()) return;
  database_.reset();
  open();
}

int64_t Outbox::store(const Message& message) {
  limit_size(message.data.size());
  if (message.kind == Kind::message) return insert(message);
  Transaction transaction(*database_);
  const int64_t seq = insert(message);
  transaction.commit();
  return seq;
}

Message Outbox::add(Message message) {
  return repairing([&] {
    for (;;) {
      try {
        message.seq = store(message);
        message.database = inode_;
        if (is_in_place()) return message;
        // It went to a file that is no longer the queue.
        reopen_if_replaced();
      } catch (const DatabaseError& e) {
        if (!e.is_full()) throw;
        fail_full(e, message.data.size());
      }
    }
  });
}

void Outbox::fail_full(const DatabaseError& cause, uint64_t more) {
  const int64_t pages = database_->integer("PRAGMA page_count");
  const int64_t max_pages = database_->integer("PRAGMA max_page_count");
  const int64_t free_pages = database_->integer("PRAGMA freelist_count");
  // Not all of the allowed pages are in use: it was the disk.
  const int64_t margin = static_cast<int64_t>(2 * small + more) / page_size;
  if (pages - free_pages + margin < max_pages) throw cause;
  Statement row(*database_, "SELECT count(*), min(time) FROM outbox");
  row.step();
  throw Error(Errc::unavailable,
              "the message queue " + path_ + " is full: " + std::to_string(row.integer(0)) +
                  " messages wait since " + row.text(1) + ", and the cap is " +
                  std::to_string(max_pages * page_size >> 20) +
                  " MiB; make the server reachable, or raise cyclecloud.jetpack.outbox_max_mib");
}

namespace {

// Of one kind, what is not known to be delivered.
std::string condition(Kind kind, int64_t delivered) {
  std::string text = "outbox.kind = " + std::to_string(number(kind));
  if (delivered > 0) text += " AND outbox.seq > " + std::to_string(delivered);
  return '(' + text + ')';
}

}  // namespace

int64_t Outbox::delivered_up_to(Kind kind) const {
  const auto found = delivered_.find(kind);
  return found == delivered_.end() ? 0 : found->second;
}

// What follows FROM to get what waits of these kinds.
std::string Outbox::source(const Kinds& kinds) const {
  // Letters alone are found by way of their own table, whatever number of messages waits.
  const bool has_messages = std::find(kinds.begin(), kinds.end(), Kind::message) != kinds.end();
  std::string text =
      has_messages ? "outbox LEFT JOIN letter USING(seq)" : "letter CROSS JOIN outbox USING(seq)";
  const char* joint = " WHERE ";
  for (const Kind kind : kinds) {
    text += joint + condition(kind, delivered_up_to(kind));
    joint = " OR ";
  }
  return text;
}

bool Outbox::has(const Kinds& kinds) {
  return repairing([&] {
    reopen_if_replaced();
    return Statement(*database_, "SELECT 1 FROM " + source(kinds) + " LIMIT 1").step();
  });
}

std::vector<Message> Outbox::oldest(const Kinds& kinds, size_t count, uint64_t bytes) {
  return repairing([&] {
    reopen_if_replaced();
    std::vector<Message> messages;
    Statement row(*database_, select_any(source(kinds)) + " LIMIT ?");
    row.bind(static_cast<int64_t>(count));
    uint64_t size = 0;
    while (row.step()) {
      size += row.size(data_column) + row.size(body_column);
      if (!messages.empty() && size > bytes) break;
      messages.push_back(any_at(row));
      messages.back().database = inode_;
    }
    return messages;
  });
}

// By id too: after a repair a seq may belong to another message.
bool Outbox::erase(const std::vector<Message>& messages) {
  try {
    Transaction transaction(*database_);
    Statement row(*database_, "DELETE FROM outbox WHERE seq = ? AND id = ?");
    Statement body(*database_, "DELETE FROM letter WHERE seq = ?");
    for (const auto& message : messages) {
      row.bind(message.seq).bind(message.id).run();
      if (message.kind != Kind::message && sqlite3_changes(database_->handle()) > 0)
        body.bind(message.seq).run();
    }
    transaction.commit();
    return true;
  } catch (const DatabaseError& e) {
    if (e.is_corrupt()) throw;
    why_not_removed_ = e.what();
    return false;
  }
}

void Outbox::remove(const std::vector<Message>& messages) {
  repairing([&] {
    if (delivered_.empty() && erase(messages)) return;
    // Emptying the log gives its space back, which may be all that is needed.
    sqlite3_wal_checkpoint_v2(database_->handle(), "main", SQLITE_CHECKPOINT_TRUNCATE, nullptr,
                              nullptr);
    if (delivered_.empty() && erase(messages)) return;
    for (const auto& message : messages) {
      auto& place = delivered_[message.kind];
      place = std::max(place, message.seq);
    }
  });
}

void Outbox::erase_remembered() {
  Transaction transaction(*database_);
  for (const auto& [kind, place] : delivered_)
    for (const char* table : {"outbox", "letter"})
      Statement(*database_, "DELETE FROM " + std::string(table) + " WHERE kind = ? AND seq <= ?")
          .bind(number(kind))
          .bind(place)
          .run();
  transaction.commit();
  delivered_.clear();
}

std::optional<std::string> Outbox::remove_remembered() {
  if (delivered_.empty()) return std::nullopt;
  return repairing([&]() -> std::optional<std::string> {
    reopen_if_replaced();
    try {
      erase_remembered();
      return std::nullopt;
    } catch (const DatabaseError& e) {
      if (e.is_corrupt()) throw;
      why_not_removed_ = e.what();
      return why_not_removed_;
    }
  });
}

void Outbox::move_to_dead_letters(const Message& message, const std::string& reason) {
  repairing([&] {
    Transaction transaction(*database_);
    const bool is_kept = message.kind == Kind::message || message.data.size() <= max_dead_body;
    const std::string target = target_of(message);
    Statement(*database_,
              "INSERT OR REPLACE INTO dead(seq, id, type, data, time, cluster, node, instance, "
              "session, hostname, reason, kind, target) SELECT seq, id, type, ?, time, cluster, "
              "node, instance, session, hostname, ?, kind, ? FROM outbox WHERE seq = ? AND id = ?")
        .bind_blob(is_kept ? std::string_view(message.data) : std::string_view())
        .bind(reason)
        .bind_known(target)
        .bind(message.seq)
        .bind(message.id)
        .run();
    Statement(*database_, "DELETE FROM letter WHERE seq = ?").bind(message.seq).run();
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

Outbox::State Outbox::state_of(Message& message) {
  return repairing([&] {
    reopen_if_replaced();
    if (message.database != inode_) {
      message = add(message);
      return State::waiting;
    }
    if (message.seq <= delivered_up_to(message.kind)) return State::delivered;
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

void put(Writer& json, const char* key, const std::string& text) {
  json.Key(key);
  put(json, text);
}

void write_dead(Writer& json, Database& database) {
  json.Key("dead");
  json.StartArray();
  Statement row(database, "SELECT id, type, time, reason, target FROM dead ORDER BY seq");
  while (row.step()) {
    json.StartObject();
    put(json, "id", row.text(0));
    put(json, "type", row.text(1));
    put(json, "time", row.text(2));
    put(json, "reason", row.text(3));
    if (const std::string target = row.text(4); !target.empty()) put(json, "to", target);
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
                  "SELECT count(*), coalesce(sum(length(CAST(data AS BLOB))), 0) + "
                  "(SELECT coalesce(sum(length(body)), 0) FROM letter), min(time) FROM outbox");
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
