// A thread for what may take long and what nobody waits for.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

namespace jetpack::jetpackd {

// Does one errand after the other, in order. Starts its thread with the first.
class Errands {
 public:
  Errands() = default;
  Errands(const Errands&) = delete;
  Errands& operator=(const Errands&) = delete;
  // Waits for the errand that is being done.
  ~Errands();

  // `errand` must not throw.
  void add(std::function<void()> errand);
  // Forgets what has not begun.
  void stop();
  bool is_idle() const { return !is_busy_; }
  // Whether there is one that has not begun.
  bool has_waiting() {
    const std::lock_guard lock(mutex_);
    return !errands_.empty();
  }

 private:
  void run();

  std::mutex mutex_;
  std::condition_variable added_;
  std::deque<std::function<void()>> errands_;
  std::atomic<bool> is_busy_ = false;
  bool is_stopping_ = false;
  std::thread thread_;
};

}  // namespace jetpack::jetpackd
