// Exponential back-off between retries, with a cap and jitter, so that the nodes of a cluster do
// not retry at the same instant.
#include "support/backoff.hpp"

#include <algorithm>

namespace jetpack::support {

using std::chrono::milliseconds;

milliseconds Backoff::pause(milliseconds requested) {
  constexpr milliseconds max_requested = std::chrono::hours(24);
  std::uniform_int_distribution<int64_t> between(next_.count() / 2, next_.count());
  const milliseconds drawn{between(random_)};
  next_ = std::min(next_ * 2, most_);
  return std::max(drawn, std::min(requested, max_requested));
}

}  // namespace jetpack::support
