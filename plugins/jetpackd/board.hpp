// The daemon's state, written by the worker and reported as JSON and metrics.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

namespace jetpack::jetpackd {

// Why delivery or fetching is failing.
struct Failure {
  std::string text;  // empty: no failure
  std::string since;
  bool needs_person = false;
};

// What the cloud has announced for this node.
struct PendingEvent {
  std::string kind;        // "Preempt"
  std::string not_before;  // ISO 8601; empty: it does not say
  std::string state;       // "running /opt/cycle/jetpack/scripts/onPreempt.sh"
  std::string description;

  bool operator==(const PendingEvent&) const = default;
};

struct State {
  int64_t pid = 0;
  std::string version;
  std::string started;
  std::string http;               // "127.0.0.1:9080"; empty: not listening
  std::string last_contact;       // with the server or broker
  int64_t last_contact_time = 0;  // Unix seconds
  Failure failure;
  uint64_t delivered = 0;
  uint64_t dead = 0;
  uint64_t retries = 0;  // failed delivery attempts
  uint64_t depth = 0;    // of the outbox, when it was last read
  uint64_t bytes = 0;
  std::string oldest;  // ISO 8601; empty: the outbox is empty
  std::string userdata_version;
  Failure userdata_failure;  // of fetching userdata
  std::vector<PendingEvent> events;
};

// Shares the state between threads.
class Board {
 public:
  State read() const {
    const std::lock_guard guard(mutex_);
    return state_;
  }
  template <class Change>
  void update(Change&& change) {
    const std::lock_guard guard(mutex_);
    change(state_);
  }
  // Records a contact with the server or broker.
  void note_contact();

  // Record that the worker made progress, and how long ago it last did.
  void note_progress() { progress_ = std::chrono::steady_clock::now(); }
  std::chrono::steady_clock::duration since_progress() const {
    return std::chrono::steady_clock::now() - progress_.load();
  }

 private:
  mutable std::mutex mutex_;
  State state_;
  std::atomic<std::chrono::steady_clock::time_point> progress_ = std::chrono::steady_clock::now();
};

// The state as JSON, for scripts and run/jetpackd.json.
std::string to_json(const State& state);

// The state and the resource usage of this process, for Prometheus (text format 0.0.4).
std::string to_metrics(const State& state);

}  // namespace jetpack::jetpackd
