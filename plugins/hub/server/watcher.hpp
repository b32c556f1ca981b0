// Background work: notices what other hubs wrote, and expires what is over.
#pragma once

#include <stop_token>
#include <thread>

#include "common/background.hpp"
#include "server/event_feed.hpp"
#include "store/database.hpp"
#include "support/log_file.hpp"

namespace jetpack::hub {

// Works on a thread of its own from construction to destruction.
class Watcher {
 public:
  Watcher(Database& database, EventFeed& feed, const support::LogFile& log);
  Watcher(const Watcher&) = delete;
  Watcher& operator=(const Watcher&) = delete;

 private:
  void run(const std::stop_token& stop);
  void look();

  Database& database_;
  EventFeed& feed_;
  FailureLog failures_;
  int64_t ready_due_ = 0;  // when to look again how many nodes are ready
  std::jthread thread_;    // the last member, so that it ends first
};

}  // namespace jetpack::hub
