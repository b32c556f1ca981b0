// Background work: notices what other hubs wrote, and expires what is over.
#pragma once

#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>

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
  ~Watcher();

 private:
  void run();
  void look();

  Database& database_;
  EventFeed& feed_;
  const support::LogFile& log_;
  std::string last_failure_;  // so that an outage is logged once
  std::mutex mutex_;
  std::condition_variable stopping_;
  bool stopped_ = false;
  std::thread thread_;
};

}  // namespace jetpack::hub
