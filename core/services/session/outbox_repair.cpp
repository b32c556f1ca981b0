// Replaces a corrupt outbox, and queues again what can still be read of it.
#include <cstdio>

#include "services/session/outbox_schema.hpp"
#include "services/session/shared_file.hpp"
#include "support/file_lock.hpp"
#include "support/files.hpp"

namespace jetpack::session {

namespace {

bool is_corrupt(const std::string& path) {
  try {
    Database database(path, SQLITE_OPEN_READWRITE, busy_timeout);
    sqlite3_db_config(database.handle(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
    database.limit(longest_check);
    Statement check(database, "PRAGMA quick_check(1)");
    return !check.step() || check.text(0) != "ok" || !database.has_only_tables();
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

// The messages that can still be read from a damaged database.
std::vector<Message> salvage(const std::string& path) {
  std::vector<Message> messages;
  try {
    Database damaged(path, SQLITE_OPEN_READWRITE, std::chrono::seconds(1));
    sqlite3_db_config(damaged.handle(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
    damaged.limit(longest_check);
    if (!damaged.has_only_tables()) return messages;
    const bool has_letters =
        damaged.integer("SELECT count(*) FROM pragma_table_info('outbox') WHERE name = 'kind'") > 0;
    Statement row(damaged, has_letters ? select_any("outbox LEFT JOIN letter USING(seq)")
                                       : select_messages("outbox"));
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
  const auto lock = support::FileLock::wait(shared_file(options_.directory, place_lock),
                                            shared_mode, lock_patience());
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
  for (const auto& message : saved) insert(*database_, message);
  transaction.commit();
  options_.warn(std::to_string(saved.size()) + " messages of " + aside + " are queued again");
}

}  // namespace jetpack::session
