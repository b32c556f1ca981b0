// How many bytes each sender may send in an hour.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <utility>

#include "common/quota.hpp"

namespace jetpack::hub {

// A sender sends too much.
class OverRate : public OverLimit {
 public:
  OverRate(const std::string& text, int64_t seconds) : OverLimit(text, true), seconds_(seconds) {}
  int64_t retry_seconds() const noexcept override { return seconds_; }

 private:
  int64_t seconds_;
};

// Lets each sender send an hour's bytes at once, and then as many as become free with time. May be
// used from any thread. Outlives what was taken.
class ByteRate {
 public:
  using Clock = std::chrono::steady_clock;

  // `quota`: its name, for errors.
  ByteRate(std::string quota, uint64_t bytes_per_hour,
           std::function<Clock::time_point()> now = Clock::now)
      : quota_(std::move(quota)), bytes_per_hour_(bytes_per_hour), now_(std::move(now)) {}

  // Bytes that count. What could not be stored, for no fault of the sender's, is sent again: it is
  // given back.
  using Taken = Portion<ByteRate>;

  // Throws OverRate. More than an hour's bytes at once are never let through.
  [[nodiscard]] Taken take(const std::string& sender, uint64_t bytes);
  // The same for what is then left out: false.
  [[nodiscard]] bool try_take(const std::string& sender, uint64_t bytes) {
    return count(sender, bytes) == 0;
  }

 private:
  friend Taken;
  struct Sent {
    Clock::time_point at{};
    double bytes = 0;  // of the last hour, by then
  };

  int64_t count(const std::string& sender, uint64_t bytes);
  void give_back(const std::string& sender, uint64_t bytes);
  double left_of(const Sent& sent, Clock::time_point now) const;

  std::string quota_;
  uint64_t bytes_per_hour_;
  std::function<Clock::time_point()> now_;
  std::mutex mutex_;
  std::map<std::string, Sent> senders_;
};

}  // namespace jetpack::hub
