// The hub's database: connections, and transactions that assign numbers.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include <Poco/Exception.h>

#include <jetpack/error.hpp>
#include "store/dialect.hpp"
#include "store/prepared_number.hpp"

namespace jetpack::hub {

// A position in the database: all messages and changes up to these numbers can be read.
struct Position {
  int64_t message = 0, change = 0;
};

// What open pages should read again.
struct Change {
  std::string what;  // "node", "condition" or "targets"
  std::string cluster, node;
};

// Connections to one database, opened when they are needed, and again after a failure.
class Pool {
 public:
  Pool(const DatabaseAddress& address, size_t most) : address_(address), most_(most) {}
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  // The statement ends before the session that it belongs to.
  struct Connection {
    std::unique_ptr<SqlSession> session;
    std::unique_ptr<PreparedNumber> revision;  // once it was asked for
  };

  // A connection for one thread, returned to the pool at the end.
  class Lease {
   public:
    explicit Lease(Pool& pool) : pool_(pool), connection_(pool.take()) {}
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    ~Lease() { pool_.give_back(std::move(connection_)); }

    SqlSession& session() { return *connection_.session; }
    int64_t revision();
    const DatabaseAddress& address() const { return pool_.address_; }
    // Closes it instead of returning it: its state is unknown.
    void discard() {
      connection_.revision.reset();
      connection_.session.reset();
      pool_.forget_idle();
    }

   private:
    Pool& pool_;
    Connection connection_;
  };

 private:
  using Clock = std::chrono::steady_clock;

  Connection take();
  std::unique_ptr<SqlSession> open();
  void give_back(Connection connection);
  void forget_idle();

  const DatabaseAddress& address_;
  size_t most_;
  std::mutex mutex_;
  std::condition_variable freed_;
  std::vector<Connection> idle_;
  size_t taken_ = 0;
  Clock::time_point next_attempt_;
  std::string last_failure_;
};

// A transaction with exclusive write access. Rolls back unless committed.
class Transaction {
 public:
  explicit Transaction(Pool::Lease& lease);
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  ~Transaction();

  SqlSession& session() { return lease_.session(); }
  Dialect dialect() const { return dialect_; }
  // A message's number: higher than all before it.
  int64_t next_message() { return ++position_.message; }
  // Notifies the pages, once the transaction is committed.
  void changed(std::string_view what, std::string_view cluster, std::string_view node = {});
  // The position before this transaction.
  const Position& before() const { return before_; }
  // The position with what this transaction has written.
  const Position& position() const { return position_; }
  // Commits; returns the position after it.
  Position commit();

 private:
  void write_changes();

  Pool::Lease& lease_;
  Dialect dialect_;
  Position before_, position_;
  std::vector<Change> changes_;
  std::set<std::tuple<std::string, std::string, std::string>> noted_;  // of changes_
  bool done_ = false;
};

// May be used from any thread; any number of processes may use the same database. Errors of
// the database are Errc::unavailable.
class Database {
 public:
  explicit Database(DatabaseAddress address);
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  // Called after each commit of this process, from the thread that committed.
  void on_commit(std::function<void(const Position&)> listener) { listener_ = std::move(listener); }

  // Runs work(SqlSession&), which only reads. `doing` is for the error's text: "reading nodes".
  template <class Work>
  auto read(const char* doing, Work work) {
    Pool::Lease lease(readers_);
    try {
      return work(lease.session());
    } catch (const Poco::Exception& e) {
      lease.discard();
      fail(doing, e);
    }
  }

  // Runs work(Transaction&) and commits; after the return it survives a power cut.
  template <class Work>
  auto write(const char* doing, Work work) {
    Pool::Lease lease(writer_);
    try {
      Transaction transaction(lease);
      if constexpr (std::is_void_v<decltype(work(transaction))>) {
        work(transaction);
        committed(transaction.commit());
      } else {
        auto result = work(transaction);
        committed(transaction.commit());
        return result;
      }
    } catch (const Poco::Exception& e) {
      lease.discard();
      fail(doing, e);
    }
  }

  Position position();
  // The revision of what nodes and accounts are given. Changes whenever something is committed, by
  // any process or by hand, that a node's userdata, its return to the phases before Ready, an account
  // or its rights are made of (see create_revision_triggers). What was read after a revision holds
  // as long as the revision is still the same. Never 0.
  int64_t revision();
  const DatabaseAddress& address() const { return address_; }
  const std::string& shown() const { return address_.shown; }

 private:
  [[noreturn]] void fail(const char* doing, const Poco::Exception& e) const;
  void committed(const Position& position) const {
    if (listener_) listener_(position);
  }

  DatabaseAddress address_;
  Pool writer_, readers_;
  std::function<void(const Position&)> listener_;
};

// Changes after `number`, oldest first; at most `most`.
std::vector<Change> changes_after(SqlSession& session, int64_t number, int64_t most);

}  // namespace jetpack::hub
