// Writes incoming messages to the database: many senders, one commit.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <exception>
#include <mutex>
#include <vector>

#include "common/log_shares.hpp"
#include "store/database.hpp"
#include "store/message_table.hpp"
#include "support/log_file.hpp"

namespace jetpack::hub {

// May be used from any thread. What several threads store at once goes into one transaction: a
// commit costs the same for one message as for many, and writers take turns anyway.
class Intake {
 public:
  Intake(Database& database, const support::LogFile& log, const Retention& keep)
      : database_(database), log_shares_(log), keep_(keep) {}
  Intake(const Intake&) = delete;
  Intake& operator=(const Intake&) = delete;

  // Returns when the messages are on disk, in their order; sets `fresh`. Throws when they are not.
  void store(std::vector<Delivery*> deliveries);
  void store(Delivery& delivery) { store(std::vector{&delivery}); }

 private:
  struct Ticket {
    std::vector<Delivery*> deliveries;
    bool is_done = false;
    std::exception_ptr failure;
  };

  void lead(std::unique_lock<std::mutex>& lock);
  void store_together(const std::vector<Ticket*>& tickets);
  void commit(const std::vector<Delivery*>& deliveries);

  Database& database_;
  LogShares log_shares_;  // used by the leader
  Retention keep_;
  std::mutex mutex_;
  std::condition_variable done_;
  std::deque<Ticket*> waiting_;
  bool has_leader_ = false;
};

}  // namespace jetpack::hub
