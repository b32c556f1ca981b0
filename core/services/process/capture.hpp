// Output of unknown length, kept within a bound: its head and its tail.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace jetpack {

class Capture {
 public:
  // Keeps `capacity` bytes, half of them the first and half the last.
  explicit Capture(size_t capacity) : half_(capacity / 2) {}

  void append(std::string_view piece);

  // What was kept; where bytes are missing, a line in the middle says how many.
  std::string text() const;

  uint64_t total() const { return total_; }

 private:
  size_t half_;
  std::string head_;
  std::string tail_;  // a ring once it is full
  size_t tail_start_ = 0;
  uint64_t total_ = 0;
};

}  // namespace jetpack
