// Consumes the nodes' messages from the broker into the database.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "broker/broker.hpp"
#include "store/database.hpp"
#include "store/intake.hpp"
#include "support/log_file.hpp"

namespace jetpack::hub {

// Works on a thread of its own from construction to destruction, connecting as often as it takes. A
// message is acknowledged after it is committed; what can never be applied goes to the queue
// jetpack.refused.
class Consumer {
 public:
  Consumer(Database& database, Intake& intake, const support::LogFile& log, BrokerAddress address);
  Consumer(const Consumer&) = delete;
  Consumer& operator=(const Consumer&) = delete;
  ~Consumer();

 private:
  void run();
  void serve(BrokerConnection& broker);
  void settle(BrokerConnection& broker, const std::vector<BrokerMessage>& batch);
  void settle_one(BrokerConnection& broker, const BrokerMessage& message, Delivery& delivery);
  void refuse(BrokerConnection& broker, const BrokerMessage& message, const std::string& why);
  bool pause(std::chrono::milliseconds time);
  bool is_stopped();

  Database& database_;
  Intake& intake_;
  const support::LogFile& log_;
  BrokerAddress address_;
  uint64_t refused_ = 0;
  std::string last_failure_;  // so that an outage is logged once
  std::mutex mutex_;
  std::condition_variable stopping_;
  bool stopped_ = false;
  std::thread thread_;
};

}  // namespace jetpack::hub
