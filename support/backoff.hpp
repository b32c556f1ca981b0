// Exponential back-off between retries, with a cap and jitter, so that the nodes of a cluster do
// not retry at the same instant.
#pragma once

#include <chrono>
#include <random>

namespace jetpack::support {

class Backoff {
 public:
  // Pauses start at `least` and double up to `most`.
  Backoff(std::chrono::milliseconds least, std::chrono::milliseconds most, uint32_t seed)
      : least_(least), most_(most), next_(least), random_(seed) {}

  // The next pause: a random time between half of the current interval and all of it, but at least
  // `requested` (the server's Retry-After), which is honored up to a day.
  std::chrono::milliseconds pause(std::chrono::milliseconds requested = {});

  void reset() { next_ = least_; }

 private:
  std::chrono::milliseconds least_, most_, next_;
  std::minstd_rand random_;
};

}  // namespace jetpack::support
