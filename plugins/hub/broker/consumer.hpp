// Consumes the nodes' messages from the broker into the database.
#pragma once

#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "broker/broker.hpp"
#include "broker/queue_share.hpp"
#include "common/background.hpp"
#include "store/database.hpp"
#include "store/intake.hpp"
#include "store/liveness.hpp"
#include "support/log_file.hpp"

namespace jetpack::hub {

// Works on a thread of its own from construction to destruction, reconnecting as often as needed. A
// message is acknowledged after it is committed; what can never be applied goes to the queue
// jetpack.refused.
class Consumer {
 public:
  Consumer(Database& database, Intake& intake, Liveness& liveness, const support::LogFile& log,
           BrokerAddress address);
  Consumer(const Consumer&) = delete;
  Consumer& operator=(const Consumer&) = delete;

 private:
  void run(const std::stop_token& stop);
  void serve(BrokerConnection& broker, QueueShare& share, const std::stop_token& stop);
  std::vector<int> balance(BrokerConnection& broker, QueueShare& share);
  // A message of the broker: what it delivers, or why it cannot be used.
  struct Opened {
    std::optional<Delivery> delivery;
    std::string reason;
  };

  std::vector<Opened> open(const std::vector<BrokerMessage>& batch);
  void settle(BrokerConnection& broker, const std::vector<BrokerMessage>& batch);
  void settle_one(BrokerConnection& broker, const BrokerMessage& message, Delivery& delivery);
  void refuse(BrokerConnection& broker, const BrokerMessage& message, const std::string& why);

  Database& database_;
  Intake& intake_;
  Liveness& liveness_;
  const support::LogFile& log_;
  BrokerAddress address_;
  uint64_t refused_ = 0;
  FailureLog failures_;
  std::jthread thread_;  // the last member, so that it ends first
};

}  // namespace jetpack::hub
