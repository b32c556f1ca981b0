// The CRC64 that the locker sends with a range, and that of what arrives.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "services/storage/ranges.hpp"
#include "support/crc64.hpp"

namespace jetpack::storage {

// Azure adds a checksum to no longer one.
constexpr uint64_t most_guarded = 4 << 20;
// A range that is damaged so often in a row will be damaged always.
constexpr int most_damages = 3;

// Guards one response after another, their bytes in order. What a response that was cut still owed
// is guarded by that one's checksum, whatever the next response says: ask for no more than it.
class RangeGuard {
 public:
  // A response with these bytes begins. `checksum` is its header, empty where it has none.
  void open(Range range, const std::string& checksum) {
    if (range_ || checksum.empty()) return;
    range_ = range;
    expected_ = checksum;
    found_ = {};
  }

  void add(std::string_view data) {
    if (range_) found_.update(data);
  }

  // What is guarded now.
  const std::optional<Range>& range() const { return range_; }

  // All of the range has come. Returns whether it is what was sent; guards nothing any more.
  bool close() {
    range_.reset();
    return support::crc64_header(found_.value()) == expected_;
  }

  // For the error when it is not: "CRC64 is X, and the locker says Y".
  std::string finding() const {
    return "CRC64 is " + support::crc64_header(found_.value()) + ", and the locker says " +
           expected_;
  }

 private:
  std::optional<Range> range_;
  std::string expected_;
  support::Crc64 found_;
};

}  // namespace jetpack::storage
