// Trying again: what for, how often, and after what pause.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <string>

#include <jetpack/error.hpp>

namespace jetpack::http {

// Errc::unavailable: the same request may succeed later.
class Retryable : public Error {
 public:
  explicit Retryable(const std::string& what,
                     std::optional<std::chrono::seconds> retry_after = std::nullopt)
      : Error(Errc::unavailable, what), retry_after_(retry_after) {}

  // What the other side asked for.
  std::optional<std::chrono::seconds> retry_after() const { return retry_after_; }

 private:
  std::optional<std::chrono::seconds> retry_after_;
};

// Tells the threads of one transfer to end, and wakes those that pause.
class Halt {
 public:
  void set();
  void clear();
  bool is_set() const { return is_set_; }
  // Returns at once when it is set.
  void wait(std::chrono::milliseconds time);

 private:
  std::atomic<bool> is_set_ = false;
  std::mutex mutex_;
  std::condition_variable changed_;
};

// The tries at one thing. Pauses begin at 0.2 s and double to 10 s, each between half and all of
// that at random.
class Tries {
 public:
  // The longest that a server may make us wait with one Retry-After.
  static constexpr std::chrono::seconds longest_wait{120};

  explicit Tries(int most) : most_(most) {}

  // The pause before the next try; nullopt when there is none left, or the wait would be too long.
  std::optional<std::chrono::milliseconds> after(const Retryable& failure);

  // The last try got somewhere: starts counting again.
  void progressed() { failures_ = 0; }

  // The error at the end.
  Error gives_up(const Retryable& failure) const;

 private:
  int most_;
  int failures_ = 0;
};

// Calls `attempt` until it does not throw Retryable, at most `most` times. When the transfer is
// halted meanwhile, the last failure is thrown.
template <class Attempt>
auto with_retries(int most, Halt& halt, Attempt&& attempt) {
  Tries tries(most);
  for (;;) {
    try {
      return attempt();
    } catch (const Retryable& failure) {
      const auto pause = tries.after(failure);
      if (!pause || halt.is_set()) throw tries.gives_up(failure);
      halt.wait(*pause);
      if (halt.is_set()) throw tries.gives_up(failure);
    }
  }
}

}  // namespace jetpack::http
