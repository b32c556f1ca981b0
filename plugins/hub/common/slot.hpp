// One of a limited number of slots, such as to do what takes much memory.
#pragma once

#include <chrono>
#include <semaphore>

namespace jetpack::hub {

// Waits for a slot for a time, and releases it at the end.
class Slot {
 public:
  using Clock = std::chrono::steady_clock;

  Slot(std::counting_semaphore<>& free, Clock::duration longest)
      : free_(free), held_(free.try_acquire_for(longest)) {}
  Slot(const Slot&) = delete;
  Slot& operator=(const Slot&) = delete;
  ~Slot() {
    if (held_) free_.release();
  }
  bool held() const { return held_; }

 private:
  std::counting_semaphore<>& free_;
  bool held_;
};

}  // namespace jetpack::hub
