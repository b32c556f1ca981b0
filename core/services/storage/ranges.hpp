// Which parts of a file are there.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace jetpack::storage {

// Bytes begin to end - 1.
struct Range {
  uint64_t begin = 0;
  uint64_t end = 0;

  uint64_t size() const { return end - begin; }
  bool operator==(const Range&) const = default;
};

// A set of bytes as ranges, sorted, apart from each other.
class Ranges {
 public:
  void add(Range range);

  const std::vector<Range>& all() const { return ranges_; }
  uint64_t bytes() const;
  // The end of the range that begins at 0.
  uint64_t prefix() const;

  // What lacks of the first `total` bytes, cut at the multiples of `piece`.
  std::vector<Range> missing(uint64_t total, uint64_t piece) const;

  // "0-99,200-299", as in HTTP: the last byte is named.
  std::string text() const;
  // nullopt unless `text` is one of text() and ends within `total`.
  static std::optional<Ranges> parse(std::string_view text, uint64_t total);

 private:
  std::vector<Range> ranges_;
};

}  // namespace jetpack::storage
