// Delivers what is queued in the outbox: who delivers, in which order, and when to give up for now.
//
// There are two queues, each in the order of publishing: for the server and for the broker. One
// that fails does not hold up the other.
#pragma once

#include <array>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "services/node/node_settings.hpp"
#include "services/session/outbox.hpp"
#include "services/session/transport.hpp"

namespace jetpack::session {

using node::Route;

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
    std::string lock_path;           // held while delivering
    Route messages = Route::server;  // where messages go
    // Called when there is something to send; throws when it is not configured.
    std::function<std::unique_ptr<Transport>(Route)> connect;
    std::function<void(const std::string&)> warn;
    // Waits between attempts; returns at the latest after `time`.
    std::function<void(std::chrono::milliseconds time)> pause;
  };

  Delivery(Outbox& outbox, Options options);

  // Delivers in order until `message` is no longer waiting or `deadline` has come; waits while
  // another process delivers. Returns why it still waits; nullopt when it does not.
  std::optional<std::string> deliver(Message& message, Clock::time_point deadline);

  // Delivers what is in both queues, for at most `time`; but an exchange that has begun gets five
  // seconds and a large letter what its size needs. A queue that failed is left alone until
  // its time has come, however often this is called; Drained.retry_after says when that is.
  Drained drain(std::chrono::milliseconds time);

 private:
  enum class Progress { done, empty, failed, stopped };

  struct Queue {
    Route route;
    Kinds kinds;
    std::unique_ptr<Transport> transport;
    std::string why;  // the last failure
    Progress state = Progress::empty;
    unsigned failures = 0;  // one after another
    std::chrono::milliseconds retry_after{0};
    Clock::time_point not_before{};
    Clock::time_point last_used{};
  };

  std::string busy() const;
  Queue& queue_of(Kind kind);
  bool deliver_until_gone(Queue& queue, Message& message, Clock::time_point deadline);
  Progress deliver_next(Queue& queue, Clock::time_point deadline);
  std::vector<Outcome> attempt(Queue& queue, const std::vector<Batch>& batches,
                               Clock::time_point deadline);
  Progress send(Queue& queue, std::vector<Batch> batches, Clock::time_point deadline);
  Progress send_halves(Queue& queue, const Batch& batch, Clock::time_point deadline);
  void forget(const Batch& delivered);
  bool move_to_dead_letters(Queue& queue, const Message& message, const std::string& why);
  void drain_queue(Queue& queue, Clock::time_point deadline);
  void keep_alive(Queue& queue);
  Drained summary();

  Outbox& outbox_;
  Options options_;
  std::array<Queue, 2> queues_;
  bool is_draining_ = false;
  uint64_t delivered_ = 0;
  uint64_t dead_ = 0;
};

// How long to wait before attempt `number` (0, 1, ...): exponential with a cap, and random so that
// a cluster of nodes does not come back at the same instant.
std::chrono::milliseconds backoff(unsigned number);

}  // namespace jetpack::session
