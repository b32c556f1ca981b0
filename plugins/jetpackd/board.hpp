// What jetpackd knows of itself, written by its worker and read by whoever asks.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <string>

namespace jetpack::jetpackd {

// What keeps messages from being delivered.
struct Failure {
  std::string text;  // empty: nothing
  std::string since;
  bool needs_person = false;
};

struct State {
  int64_t pid = 0;
  std::string version;
  std::string started;
  std::string http;               // "127.0.0.1:9080"; empty: it serves nobody
  std::string last_contact;       // when the server or broker last took or gave something
  int64_t last_contact_time = 0;  // Unix seconds
  Failure failure;
  uint64_t delivered = 0;
  uint64_t dead = 0;
  uint64_t retries = 0;  // attempts to deliver that failed
  uint64_t depth = 0;    // of the outbox, when it was last looked at
  uint64_t bytes = 0;
  std::string oldest;  // ISO 8601; empty: nothing waits
  std::string userdata_version;
  Failure userdata_failure;  // what keeps the configuration from being fetched
};

// Shared between threads.
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
  // The server or broker was reached now.
  void note_contact();

  // That the worker did something, and how long ago it last did.
  void note_progress() { progress_ = std::chrono::steady_clock::now(); }
  std::chrono::steady_clock::duration since_progress() const {
    return std::chrono::steady_clock::now() - progress_.load();
  }

 private:
  mutable std::mutex mutex_;
  State state_;
  std::atomic<std::chrono::steady_clock::time_point> progress_ = std::chrono::steady_clock::now();
};

// The state for scripts, and for run/jetpackd.json.
std::string to_json(const State& state);

// The state, and what this process uses, for Prometheus (text format 0.0.4).
std::string to_metrics(const State& state);

}  // namespace jetpack::jetpackd
