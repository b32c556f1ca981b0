// The hub's database: connections, and transactions that assign numbers.
#include "store/database.hpp"

#include <algorithm>

#include "common/disk_full.hpp"
#include "store/batch.hpp"
#include "store/schema.hpp"

namespace jetpack::hub {

using namespace std::chrono_literals;

namespace {

constexpr size_t readers = 6;
constexpr auto longest_wait = 20s;     // for a free connection
constexpr auto attempt_interval = 1s;  // between attempts to connect to a database that is down
constexpr int64_t kept_changes = 10'000;
constexpr int64_t change_interval = 1000;

using Numbers = Row<int64_t, int64_t>;

Position to_position(const std::optional<Numbers>& row) {
  if (!row) throw Poco::DataException("the table hub_numbers is empty");
  return {row->get<0>(), row->get<1>()};
}

}  // namespace

Pool::Connection Pool::take() {
  {
    std::unique_lock lock(mutex_);
    if (!freed_.wait_for(lock, longest_wait, [this] { return taken_ < most_; }))
      throw Error(Errc::unavailable, "the hub database " + address_.shown +
                                         " is too busy: timed out after " +
                                         std::to_string(longest_wait.count()) + " s");
    ++taken_;
    if (!idle_.empty()) {
      Connection connection = std::move(idle_.back());
      idle_.pop_back();
      return connection;
    }
  }
  try {
    return {open(), nullptr};
  } catch (...) {
    give_back({});
    throw;
  }
}

std::unique_ptr<SqlSession> Pool::open() {
  {
    const std::lock_guard lock(mutex_);
    if (Clock::now() < next_attempt_) throw Error(Errc::unavailable, last_failure_);
  }
  try {
    return open_session(address_);
  } catch (const Poco::Exception& e) {
    const std::string text =
        "failed to open the hub database " + address_.shown + ": " + e.displayText();
    const std::lock_guard lock(mutex_);
    last_failure_ = text;
    next_attempt_ = Clock::now() + attempt_interval;
    throw Error(Errc::unavailable, text);
  }
}

void Pool::give_back(Connection connection) {
  {
    const std::lock_guard lock(mutex_);
    --taken_;
    if (connection.session) idle_.push_back(std::move(connection));
  }
  freed_.notify_one();
}

int64_t Pool::Lease::revision() {
  auto& statement = connection_.revision;
  if (!statement)
    statement = std::make_unique<PreparedNumber>(session(), address().dialect,
                                                 "SELECT revision FROM hub_numbers");
  return statement->read().value_or(0);
}

// The other connections are older than the failure, and may well be affected too.
void Pool::forget_idle() {
  const std::lock_guard lock(mutex_);
  idle_.clear();
}

Transaction::Transaction(Pool::Lease& lease) : lease_(lease), dialect_(lease.address().dialect) {
  begin(session(), dialect_);
  // PostgreSQL's writers wait here for each other.
  try {
    before_ = to_position(select_one<Numbers>(
        session(), "UPDATE hub_numbers SET message = message RETURNING message, change"));
  } catch (const Poco::Exception&) {
    lease_.discard();
    throw;
  }
  position_ = before_;
}

Transaction::~Transaction() {
  if (done_) return;
  try {
    rollback(session(), dialect_);
  } catch (const Poco::Exception&) {
    // SQLite has rolled back by itself, as it does when the disk is full; or the server is gone.
    lease_.discard();
  }
}

void Transaction::changed(std::string_view what, std::string_view cluster, std::string_view node) {
  Change change{std::string(what), std::string(cluster), std::string(node)};
  if (noted_.emplace(change.what, change.cluster, change.node).second)
    changes_.push_back(std::move(change));
}

void Transaction::write_changes() {
  RowWriter rows(*this, "INSERT INTO changes (number, what, cluster, node)");
  for (const auto& change : changes_)
    rows.add(++position_.change, change.what, change.cluster, change.node);
  rows.finish();
  // Not after each batch, but at intervals.
  if (position_.change / change_interval != before_.change / change_interval)
    execute(session(), "DELETE FROM changes WHERE number <= $1", position_.change - kept_changes);
}

Position Transaction::commit() {
  write_changes();
  if (position_.message != before_.message || position_.change != before_.change)
    execute(session(), "UPDATE hub_numbers SET message = $1, change = $2", position_.message,
            position_.change);
  hub::commit(session(), dialect_);
  done_ = true;
  return position_;
}

Database::Database(DatabaseAddress address)
    : address_(std::move(address)), writer_(address_, 1), readers_(address_, readers) {
  Pool::Lease lease(writer_);
  try {
    prepare_schema(lease.session(), address_.dialect);
  } catch (const Poco::Exception& e) {
    lease.discard();
    fail("creating the tables", e);
  } catch (const Error&) {
    lease.discard();
    throw;
  }
}

Position Database::position() {
  return read("reading the current position", [](SqlSession& session) {
    return to_position(select_one<Numbers>(session, "SELECT message, change FROM hub_numbers"));
  });
}

int64_t Database::revision() {
  Pool::Lease lease(readers_);
  try {
    return lease.revision();
  } catch (const Poco::Exception& e) {
    lease.discard();
    fail("reading the revision", e);
  }
}

void Database::fail(const char* doing, const Poco::Exception& e) const {
  const std::string text =
      std::string(doing) + " in the hub database " + address_.shown + ": " + e.displayText();
  if (is_for_lack_of_space(address_, text)) throw DiskFull(text);
  throw Error(Errc::unavailable, text);
}

std::vector<Change> changes_after(SqlSession& session, int64_t number, int64_t most) {
  using Columns = Row<std::string, std::string, std::string>;
  std::vector<Change> changes;
  for (const auto& row :
       select<Columns>(session,
                       "SELECT what, cluster, node FROM changes WHERE number > $1 ORDER BY number "
                       "LIMIT $2",
                       number, most))
    changes.push_back({row.get<0>(), row.get<1>(), row.get<2>()});
  return changes;
}

}  // namespace jetpack::hub
