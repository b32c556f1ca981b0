// The durable queue of what this node sends: run/outbox.db.
#include "services/session/outbox.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "services/session/outbox_schema.hpp"
#include "services/session/shared_file.hpp"
#include "support/file_lock.hpp"
#include "support/files.hpp"

namespace jetpack::session {

namespace {

// When the write-ahead log has this many pages, the next commit empties it. Until then a
// commit costs one sync, and what the first process after a quiet time has to read is small.
constexpr int max_log_pages = 64;

// After each commit. Emptied for good (see truncate_file() in database.cpp), because that a log was
// copied back is known only as long as some process has it open. When others read it now, a later commit will do.
int empty_log(void*, sqlite3* handle, const char* name, int pages) {
  if (pages < max_log_pages) return SQLITE_OK;
  sqlite3_busy_timeout(handle, 0);
  sqlite3_wal_checkpoint_v2(handle, name, SQLITE_CHECKPOINT_TRUNCATE, nullptr, nullptr);
  sqlite3_busy_timeout(handle, static_cast<int>(busy_timeout.count()));
  return SQLITE_OK;
}

}  // namespace

Outbox::Outbox(Options options) : options_(std::move(options)) {
  repairing([this] {
    if (!database_) open();
  });
}

std::chrono::milliseconds Outbox::lock_patience() const {
  return std::min(options_.patience, support::FileLock::patience);
}

// The lock is held while the database is being opened; a process that moves it aside holds the lock alone.
// So nobody opens a database without the log that belongs to it.
void Outbox::open() {
  const auto held =
      support::FileLock::wait_shared(shared_file(options_.directory, place_lock), lock_patience());
  open_in_place();
}

void Outbox::open_in_place() {
  path_ = shared_file(options_.directory, "outbox.db");
  struct stat info {};
  if (::stat(path_.c_str(), &info) != 0) fail_create(options_.directory, path_, errno);
  device_ = info.st_dev;
  if (inode_ != info.st_ino) removed_.clear();
  inode_ = info.st_ino;
  database_.emplace(path_, SQLITE_OPEN_READWRITE, options_.patience);
  database_->limit(longest_work);
  sqlite3* handle = database_->handle();
  // The log stays when the last process leaves, so that a publish costs one sync.
  int persist = 1;
  sqlite3_file_control(handle, "main", SQLITE_FCNTL_PERSIST_WAL, &persist);
  sqlite3_db_config(handle, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
  sqlite3_wal_hook(handle, &empty_log, nullptr);
  database_->execute("PRAGMA synchronous = FULL");
  // Some builds write zeros over all that is deleted, which takes as much room again in the log.
  database_->execute("PRAGMA secure_delete = FAST");
  if (!database_->has_only_tables())
    throw DatabaseError(Errc::corrupt, "cannot use " + path_ + ": it has views or triggers",
                        SQLITE_CORRUPT, false);
  prepare_schema(*database_, path_, options_.directory, lock_patience());
  if (!ballast_) ballast_.emplace(options_.directory);
  delivered_ = ballast_->delivered(inode_);
  limit_size(0);
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

void Outbox::reopen_if_replaced() {
  if (is_in_place()) return;
  database_.reset();
  open();
}

int64_t Outbox::store(const Message& message) {
  limit_size(message.data.size());
  if (message.kind == Kind::message) return insert(*database_, message);
  Transaction transaction(*database_);
  const int64_t seq = insert(*database_, message);
  transaction.commit();
  return seq;
}

Message Outbox::add(Message message) {
  queue(message);
  return message;
}

void Outbox::queue(Message& message) {
  repairing([&] {
    for (;;) {
      try {
        message.seq = store(message);
        message.database = inode_;
        if (is_in_place()) return;
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

// Of one kind, what is not known to be delivered. With the messages goes what a damaged file says
// of no known kind, or of a letter that it does not have: it has to be seen to as well.
std::string condition(Kind kind, int64_t delivered) {
  std::string text = "outbox.kind = " + std::to_string(number(kind));
  if (kind == Kind::message) text = "(outbox.kind NOT IN (2, 3) OR letter.seq IS NULL)";
  if (delivered > 0) text += " AND outbox.seq > " + std::to_string(delivered);
  return '(' + text + ')';
}

}  // namespace

int64_t Outbox::delivered_up_to(Kind kind) const {
  const auto found = delivered_.find(number(kind));
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
      size += data_size(row);
      if (!messages.empty() && size > bytes) break;
      messages.push_back(any_at(row));
      messages.back().database = inode_;
    }
    if (!messages.empty() && removed_.contains(messages.front().seq)) fail_damaged();
    return messages;
  });
}

Outbox::State Outbox::state_of(Message& message) {
  return repairing([&] {
    reopen_if_replaced();
    if (message.database != inode_) {
      message = add(message);
      return State::waiting;
    }
    remember_others();
    if (message.seq <= delivered_up_to(message.kind)) return State::delivered;
    // One statement, so that a message on its way to the dead letters is seen in one of both.
    Statement row(*database_,
                  "SELECT EXISTS(SELECT 1 FROM outbox WHERE seq = ?1 AND id = ?2), "
                  "EXISTS(SELECT 1 FROM dead WHERE seq = ?1 AND id = ?2)");
    row.bind(message.seq).bind(message.id).step();
    if (row.integer(0) != 0) return State::waiting;
    if (row.integer(1) != 0) return State::dead;
    check_gone(message);
    return State::delivered;
  });
}

std::string Outbox::reason_of(const Message& message) {
  return repairing([&] {
    Statement row(*database_, "SELECT reason FROM dead WHERE seq = ? AND id = ?");
    row.bind(message.seq).bind(message.id);
    return row.step() ? row.text(0) : std::string();
  });
}

std::string Outbox::describe() {
  return repairing([&] { return status_json(*database_, source(all_kinds)); });
}

}  // namespace jetpack::session
