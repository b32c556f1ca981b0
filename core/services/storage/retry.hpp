// What may be tried again, how often, and after what pause.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>

#include <jetpack/error.hpp>

namespace jetpack::storage {

// Whether an HTTP status is about the moment and not about the request: 408, 429, 5xx but for 501
// and 505.
bool is_passing(unsigned status);

// Thrown inside when the same request may succeed later.
class Passing : public std::runtime_error {
 public:
  explicit Passing(const std::string& what,
                   std::optional<std::chrono::seconds> retry_after = std::nullopt)
      : std::runtime_error(what), retry_after_(retry_after) {}

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
  // The longest that another side may make us wait with one Retry-After.
  static constexpr std::chrono::seconds longest_wait{120};

  explicit Tries(int most) : most_(most) {}

  // The pause before the next try; nullopt when there is none left, or the wait would be too long.
  std::optional<std::chrono::milliseconds> after(const Passing& failure);

  // The last try got somewhere: begins to count anew.
  void progressed() { failures_ = 0; }

  // What is to be said at the end.
  Error gives_up(const Passing& failure) const;

 private:
  int most_;
  int failures_ = 0;
  std::minstd_rand random_{std::random_device{}()};
};

// Calls `attempt` until it does not throw Passing, at most `most` times. When the transfer is
// halted meanwhile, the last failure is thrown.
template <class Attempt>
auto with_retries(int most, Halt& halt, Attempt&& attempt) {
  Tries tries(most);
  for (;;) {
    try {
      return attempt();
    } catch (const Passing& failure) {
      const auto pause = tries.after(failure);
      if (!pause || halt.is_set()) throw tries.gives_up(failure);
      halt.wait(*pause);
      if (halt.is_set()) throw tries.gives_up(failure);
    }
  }
}

}  // namespace jetpack::storage
