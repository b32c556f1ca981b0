// Notices which nodes are in contact, and which have fallen silent.
#pragma once

#include <cstdint>
#include <mutex>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include "common/background.hpp"
#include "store/contact_table.hpp"
#include "store/database.hpp"
#include "support/log_file.hpp"

namespace jetpack::hub {

// Collects contacts in memory and stores them together every second, on a thread of its own. Each
// of several hubs stores what it hears; whichever is first marks a node as silent. May be used from
// any thread.
class Liveness {
 public:
  Liveness(Database& database, const support::LogFile& log);
  Liveness(const Liveness&) = delete;
  Liveness& operator=(const Liveness&) = delete;

  // A node has sent something.
  void heard(std::string_view cluster, std::string_view node, const Poll& poll = {});

 private:
  struct Last {
    int64_t time = 0;
    Poll poll;
  };
  using Pending = std::unordered_map<std::string, Last>;  // by "cluster/node"

  void run(const std::stop_token& stop);
  void store();
  void watch();

  Database& database_;
  FailureLog failures_;
  std::mutex mutex_;
  Pending pending_;
  int64_t listening_since_;  // a node cannot be heard before the hub serves, or without a database
  int64_t last_watch_;
  std::jthread thread_;  // the last member, so that it ends first
};

}  // namespace jetpack::hub
