// watcher.hpp: what the hub does by itself: it notices what other hubs have written, and ends what
// time has ended.
#pragma once

#include "application_log.hpp"
#include "database.hpp"
#include "event_feed.hpp"

#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>

namespace hub {

// Works on a thread of its own from construction to destruction.
class Watcher {
 public:
  Watcher(Database& database, EventFeed& feed, ApplicationLog& log);
  Watcher(const Watcher&) = delete;
  Watcher& operator=(const Watcher&) = delete;
  ~Watcher();

 private:
  void run();
  void look();

  Database& database_;
  EventFeed& feed_;
  ApplicationLog& log_;
  std::string last_failure_;  // so that an outage is logged once
  std::mutex mutex_;
  std::condition_variable stopping_;
  bool stopped_ = false;
  std::thread thread_;
};

}  // namespace hub
