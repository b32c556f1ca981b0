// How long to wait before the next attempt: doubling, capped, and random, so that the nodes of a
// cluster do not come back at the same instant.
#pragma once

#include <chrono>
#include <random>

namespace jetpack::support {

class Backoff {
 public:
  // Pauses start at `least` and double up to `most`.
  Backoff(std::chrono::milliseconds least, std::chrono::milliseconds most, uint32_t seed)
      : least_(least), most_(most), next_(least), random_(seed) {}

  // The next pause: between half and all of what is due, but never less than what the server asked
  // for, which is honoured up to a day.
  std::chrono::milliseconds pause(std::chrono::milliseconds asked = {});

  void reset() { next_ = least_; }

 private:
  std::chrono::milliseconds least_, most_, next_;
  std::minstd_rand random_;
};

}  // namespace jetpack::support
