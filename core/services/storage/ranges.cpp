// Which parts of a file are there: sorted ranges that join when they touch.
#include "services/storage/ranges.hpp"

#include <algorithm>
#include <charconv>

namespace jetpack::storage {

void Ranges::add(Range range) {
  if (range.begin >= range.end) return;
  const auto first =
      std::lower_bound(ranges_.begin(), ranges_.end(), range.begin,
                       [](const Range& old, uint64_t begin) { return old.end < begin; });
  auto last = first;
  for (; last != ranges_.end() && last->begin <= range.end; ++last) {
    range.begin = std::min(range.begin, last->begin);
    range.end = std::max(range.end, last->end);
  }
  ranges_.insert(ranges_.erase(first, last), range);
}

uint64_t Ranges::bytes() const {
  uint64_t sum = 0;
  for (const Range& range : ranges_) sum += range.size();
  return sum;
}

uint64_t Ranges::prefix() const {
  return ranges_.empty() || ranges_.front().begin != 0 ? 0 : ranges_.front().end;
}

std::vector<Range> Ranges::missing(uint64_t total, uint64_t piece) const {
  std::vector<Range> gaps;
  uint64_t at = 0;
  const auto cut_up = [&](uint64_t end) {
    while (at < end) {
      const uint64_t stop = std::min(end, at - at % piece + piece);
      gaps.push_back({at, stop});
      at = stop;
    }
  };
  for (const Range& range : ranges_) {
    cut_up(std::min(range.begin, total));
    at = range.end;
  }
  cut_up(total);
  return gaps;
}

std::string Ranges::text() const {
  std::string text;
  for (const Range& range : ranges_) {
    if (!text.empty()) text += ',';
    text += std::to_string(range.begin) + '-' + std::to_string(range.end - 1);
  }
  return text;
}

std::optional<Ranges> Ranges::parse(std::string_view text, uint64_t total) {
  Ranges ranges;
  const char* at = text.data();
  const char* const end = at + text.size();
  while (at != end) {
    uint64_t first = 0;
    uint64_t last = 0;
    auto result = std::from_chars(at, end, first);
    if (result.ec != std::errc{} || result.ptr == end || *result.ptr != '-') return std::nullopt;
    result = std::from_chars(result.ptr + 1, end, last);
    if (result.ec != std::errc{} || first > last || last >= total) return std::nullopt;
    ranges.add({first, last + 1});
    at = result.ptr;
    if (at == end) break;
    if (*at != ',' || ++at == end) return std::nullopt;
  }
  return ranges;
}

}  // namespace jetpack::storage
