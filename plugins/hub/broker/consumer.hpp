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
#include "common/byte_rate.hpp"
#include "common/counters.hpp"
#include "common/refusal_log.hpp"
#include "store/database.hpp"
#include "store/intake.hpp"
#include "store/liveness.hpp"
#include "support/log_file.hpp"

namespace jetpack::hub {

// Works on a thread of its own from construction to destruction, reconnecting as often as needed. A
// message is acknowledged after it is committed; what can never be applied, and what exceeds a node's
// bytes per hour, goes to the queue jetpack.refused: to hold it back would hold back the messages of
// other nodes behind it.
class Consumer {
 public:
  struct Services {
    Database& database;
    Intake& intake;
    Liveness& liveness;
    ByteRate& message_rate;  // that of all ways on which nodes send
    Counters& counters;
    const support::LogFile& log;
  };

  Consumer(const Services& services, BrokerAddress address);
  Consumer(const Consumer&) = delete;
  Consumer& operator=(const Consumer&) = delete;

 private:
  void run(const std::stop_token& stop);
  void serve(BrokerConnection& broker, QueueShare& share, const std::stop_token& stop);
  std::vector<int> balance(BrokerConnection& broker, QueueShare& share);
  // A message of the broker: what it delivers, or why it cannot be used.
  struct Opened {
    std::optional<Delivery> delivery;
    std::optional<ByteRate::Taken> counted;
    std::string reason;
    bool is_over_quota = false;
  };

  void count_bytes(Opened& opened, size_t bytes);
  std::vector<Opened> open(const std::vector<BrokerMessage>& batch);
  void settle(BrokerConnection& broker, const std::vector<BrokerMessage>& batch);
  void settle_one(BrokerConnection& broker, const BrokerMessage& message, Opened& opened);
  void refuse(BrokerConnection& broker, const BrokerMessage& message, const Opened& opened);

  Services services_;
  BrokerAddress address_;
  RefusalLog refusals_;
  FailureLog failures_;
  std::jthread thread_;  // the last member, so that it ends first
};

}  // namespace jetpack::hub
