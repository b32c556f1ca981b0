// Helpers of threads that work in the background.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <stop_token>
#include <string>
#include <string_view>

#include "support/log_file.hpp"

namespace jetpack::hub {

// Waits until the time is over or a stop is requested; false for a stop.
inline bool pause(const std::stop_token& stop, std::chrono::milliseconds time) {
  std::mutex mutex;
  std::condition_variable_any stopping;
  std::unique_lock lock(mutex);
  stopping.wait_for(lock, stop, time, [] { return false; });
  return !stop.stop_requested();
}

// Logs a failure when it begins, not each time it repeats. For one thread.
class FailureLog {
 public:
  explicit FailureLog(const support::LogFile& log) : log_(log) {}

  void failed(std::string_view text) {
    if (last_ != text) log_.error(text);
    last_ = text;
  }
  void recovered() { last_.clear(); }

 private:
  const support::LogFile& log_;
  std::string last_;
};

}  // namespace jetpack::hub
