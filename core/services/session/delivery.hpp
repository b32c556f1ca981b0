// Brings what waits in the outbox to its place: who delivers, in which order, and when to give up
// for now.
//
// What waits goes in two lanes, each in the order of publishing: to the server and to the broker.
// A lane that fails does not hold up the other.
#pragma once

#include <array>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "services/session/carrier.hpp"
#include "services/session/identity.hpp"
#include "services/session/outbox.hpp"

namespace jetpack::session {

enum class Lane : uint8_t { server, broker };

// What became of one attempt to empty the outbox; see jp_delivered.
struct Drained {
  jp_outcome outcome = JP_DRAINED;
  uint64_t messages = 0;
  uint64_t dead = 0;
  std::chrono::milliseconds retry_after{0};
  std::string note;
};

class Delivery {
 public:
  struct Options {
    std::string lock_path;         // held by whoever delivers
    Lane messages = Lane::server;  // which lane messages take
    // Called when there is something to send; throws when the lane leads nowhere.
    std::function<std::unique_ptr<Carrier>(Lane)> connect;
    std::function<void(const std::string&)> warn;
    // Waits between attempts; returns at the latest after `time`.
    std::function<void(std::chrono::milliseconds time)> pause;
  };

  Delivery(Outbox& outbox, Options options);

  // Delivers in order until `message` is no longer waiting or `deadline` has come; waits while
  // another process delivers. Returns why it still waits; nullopt when it does not.
  std::optional<std::string> deliver(Message& message, Clock::time_point deadline);

  // Delivers what waits in both lanes, for at most `time`; but an exchange that has begun gets five
  // seconds and a large letter what its size needs. A lane that failed is left alone until
  // its time has come, however often this is called; Drained.retry_after says when that is.
  Drained drain(std::chrono::milliseconds time);

 private:
  enum class Progress { done, empty, failed, stopped };

  struct Way {
    Lane lane;
    Kinds kinds;
    std::unique_ptr<Carrier> carrier;
    std::string why;  // the last failure
    Progress state = Progress::empty;
    unsigned failures = 0;  // one after another
    std::chrono::milliseconds retry_after{0};
    Clock::time_point not_before{};
    Clock::time_point last_used{};
  };

  Way& way_of(Kind kind);
  bool deliver_until_gone(Way& way, Message& message, Clock::time_point deadline);
  Progress deliver_next(Way& way, Clock::time_point deadline);
  std::vector<Outcome> bring(Way& way, const std::vector<Parcel>& parcels,
                             Clock::time_point deadline);
  Progress send(Way& way, std::vector<Parcel> parcels, Clock::time_point deadline);
  Progress send_halves(Way& way, const Parcel& parcel, Clock::time_point deadline);
  void forget(const Parcel& delivered);
  bool bury(Way& way, const Message& message, const std::string& why);
  void drain_way(Way& way, Clock::time_point deadline);
  void rest(Way& way);
  Drained summary();

  Outbox& outbox_;
  Options options_;
  std::array<Way, 2> ways_;
  bool is_draining_ = false;
  uint64_t delivered_ = 0;
  uint64_t dead_ = 0;
};

// How long to wait before attempt `number` (0, 1, ...): exponential with a cap, and random so that
// a cluster of nodes does not come back at the same instant.
std::chrono::milliseconds backoff(unsigned number);

}  // namespace jetpack::session
