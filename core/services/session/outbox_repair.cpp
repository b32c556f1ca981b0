// Replaces a corrupt outbox, and queues again what can still be read of it.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <set>

#include "services/session/checks.hpp"
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

constexpr int64_t most_gaps = 10'000;

// Has `read` read the rows of a source, again behind each place that cannot be read; `read` notes
// the last place that it came to.
template <class Read>
void read_rows(const std::string& source, Read read) {
  int64_t last = 0;
  for (int64_t gaps = 0; gaps < most_gaps && last < INT64_MAX; ++gaps) {
    try {
      return read(source + " AND outbox.seq > " + std::to_string(last), last);
    } catch (const Error&) {
      ++last;
    }
  }
}

// The messages that can still be read from a damaged database; letters for themselves, because they
// have a table more that may be damaged.
std::vector<Message> salvage(const std::string& path) {
  std::vector<Message> messages;
  std::set<std::string> ids;
  const auto keep = [&](Message message, int64_t& last) {
    // Where the order is damaged, the same rows are found again and again.
    last = std::max(last, message.seq);
    if (damage_of(message).empty() && ids.insert(message.id).second)
      messages.push_back(std::move(message));
  };
  try {
    Database damaged(path, SQLITE_OPEN_READWRITE, std::chrono::seconds(1));
    sqlite3_db_config(damaged.handle(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
    damaged.limit(longest_check);
    if (!damaged.has_only_tables()) return messages;
    const bool has_letters =
        damaged.integer("SELECT count(*) FROM pragma_table_info('outbox') WHERE name = 'kind'") > 0;
    read_rows(has_letters ? "outbox WHERE kind = 1" : "outbox WHERE 1",
              [&](const std::string& source, int64_t& last) {
                Statement row(damaged, select_messages(source));
                while (row.step()) keep(message_at(row), last);
              });
    if (has_letters)
      read_rows("outbox JOIN letter USING(seq) WHERE outbox.kind <> 1",
                [&](const std::string& source, int64_t& last) {
                  Statement row(damaged, select_any(source));
                  while (row.step()) keep(any_at(row), last);
                });
  } catch (const Error&) {
    // As far as it goes; the rest stays in the file that was moved aside.
  }
  std::stable_sort(messages.begin(), messages.end(),
                   [](const Message& one, const Message& other) { return one.seq < other.seq; });
  return messages;
}

}  // namespace

// Moves the corrupt database aside. Several processes may find it corrupt at once: the first to
// have the lock moves it, the others find a sound one in its place. A process that still writes to
// the old one notices in add().
void Outbox::repair(bool anyway) {
  database_.reset();
  const auto lock = support::FileLock::wait(shared_file(options_.directory, place_lock),
                                            shared_mode, lock_patience());
  path_ = shared_file(options_.directory, "outbox.db");
  // `anyway` is about the file that was read, not about one that has taken its place.
  if (!(anyway && is_in_place()) && !is_corrupt(path_)) {
    try {
      return open_in_place();
    } catch (const DatabaseError& e) {
      if (!e.is_corrupt()) throw;
    }
    database_.reset();
  }

  const std::string aside = support::move_aside(path_);
  // The log belongs to the file; it may hold what was committed last.
  for (const char* part : {"-wal", "-shm"})
    ::rename((path_ + part).c_str(), (aside + part).c_str());
  options_.warn("the message queue " + path_ + " was corrupt; it was moved to " + aside);
  open_in_place();
  const auto saved = salvage(aside);
  uint64_t bytes = small;
  for (const auto& message : saved) bytes += message.data.size();
  limit_size(bytes);
  Transaction transaction(*database_);
  for (const auto& message : saved) insert(*database_, message);
  transaction.commit();
  options_.warn(std::to_string(saved.size()) + " messages of " + aside + " are queued again");
}

}  // namespace jetpack::session
