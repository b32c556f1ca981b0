// Suggests what a mistyped word may have meant.
#include "support/suggest.hpp"

#include <algorithm>
#include <numeric>

namespace jetpack::support {

namespace {

// Optimal string alignment: insertions, deletions, replacements and swaps of neighbours.
size_t distance(std::string_view a, std::string_view b) {
  std::vector<size_t> before(b.size() + 1), above(b.size() + 1), row(b.size() + 1);
  std::iota(above.begin(), above.end(), size_t{0});
  for (size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t change = a[i - 1] == b[j - 1] ? 0 : 1;
      row[j] = std::min({above[j] + 1, row[j - 1] + 1, above[j - 1] + change});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        row[j] = std::min(row[j], before[j - 2] + 1);
    }
    std::swap(before, above);
    std::swap(above, row);
  }
  return above[b.size()];
}

}  // namespace

std::string nearest(std::string_view typed, const std::vector<std::string_view>& candidates) {
  // A long argument is not a typing error, and the cost is quadratic in its length.
  constexpr size_t longest = 64;
  if (typed.empty() || typed.size() > longest) return {};
  std::string_view best;
  size_t best_distance = longest;
  for (const auto candidate : candidates) {
    if (candidate.size() > longest) continue;
    const size_t d =
        candidate.starts_with(typed) && typed.size() >= 3 ? 1 : distance(typed, candidate);
    if (d < best_distance) {
      best = candidate;
      best_distance = d;
    }
  }
  return best_distance * 3 <= std::max(best.size(), typed.size()) + 1 ? std::string(best) : "";
}

}  // namespace jetpack::support
