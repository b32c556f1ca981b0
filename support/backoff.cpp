// How long to wait before the next attempt: doubling, capped, and random, so that the nodes of a
// cluster do not come back at the same instant.
#include "support/backoff.hpp"

#include <algorithm>

namespace jetpack::support {

using std::chrono::milliseconds;

milliseconds Backoff::pause(milliseconds asked) {
  constexpr milliseconds longest_asked = std::chrono::hours(24);
  std::uniform_int_distribution<int64_t> between(next_.count() / 2, next_.count());
  const milliseconds drawn{between(random_)};
  next_ = std::min(next_ * 2, most_);
  return std::max(drawn, std::min(asked, longest_asked));
}

}  // namespace jetpack::support
