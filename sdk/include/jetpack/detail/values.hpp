// jetpack/detail/values.hpp: how the values of parameters are written. The compiler checks defaults by
// it, and jetpack what stands on the command line. Part of jetpack/command.hpp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace jetpack::detail {

constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }
constexpr bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
constexpr char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

// A whole number in base ten: "-7".
constexpr std::optional<int64_t> integer_in(std::string_view text) {
  const bool negative = text.starts_with('-');
  if (negative) text.remove_prefix(1);
  if (text.empty()) return std::nullopt;
  int64_t number = 0;
  for (const char c : text) {
    // Counted downwards: the least number has no positive counterpart.
    if (!is_digit(c) || __builtin_mul_overflow(number, 10, &number) ||
        __builtin_sub_overflow(number, c - '0', &number))
      return std::nullopt;
  }
  if (negative) return number;
  return number == INT64_MIN ? std::nullopt : std::optional<int64_t>(-number);
}

// A duration in milliseconds: "90" (seconds), "250ms", "30s", "10m", "6h", "2d".
constexpr std::optional<int64_t> milliseconds_in(std::string_view text) {
  size_t digits = 0;
  while (digits < text.size() && is_digit(text[digits])) ++digits;
  const auto number = integer_in(text.substr(0, digits));
  const std::string_view unit = text.substr(digits);
  const int64_t factor = unit.empty() || unit == "s" ? 1000
                         : unit == "ms"              ? 1
                         : unit == "m"               ? 60'000
                         : unit == "h"               ? 3'600'000
                         : unit == "d"               ? 86'400'000
                                                     : 0;
  int64_t milliseconds = 0;
  if (!number || factor == 0 || __builtin_mul_overflow(*number, factor, &milliseconds))
    return std::nullopt;
  return milliseconds;
}

constexpr bool is_same_in_any_case(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i)
    if (lower(a[i]) != lower(b[i])) return false;
  return true;
}

}  // namespace jetpack::detail
