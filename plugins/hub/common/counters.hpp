// What the hub counts for GET /metrics, since its start.
#pragma once

#include <atomic>
#include <cstdint>

namespace jetpack::hub {

// May be used from any thread.
struct Counters {
  // Requests, and messages of the broker.
  std::atomic<uint64_t> https_over_quota{0}, broker_over_quota{0}, broker_invalid{0};
};

}  // namespace jetpack::hub
