// Points in time in tables for people: --time.
#pragma once

#include <string>
#include <string_view>

#include <jetpack/call.hpp>
#include <jetpack/command.hpp>
#include "support/times.hpp"

namespace jetpack::support {

// The option of every command that prints times for people. With --json they are always as
// iso_8601 writes them.
consteval Parameter time_option() {
  return jetpack::option("time", "STYLE", "How to print times; as 5m ago when relative")
      .choices("local", "utc", "relative")
      .fallback("local");
}

// Writes times as --time asks: "2024-10-04 15:03:40 CEST", "2024-10-04 13:03:40 UTC" or "5m ago".
class ShownTimes {
 public:
  // Local times, where the command does not declare time_option().
  explicit ShownTimes(const Call& call);
  ShownTimes(std::string_view style, SystemTime now) : style_(style), now_(now) {}

  // A time in ISO 8601; any other text as it is.
  std::string operator()(std::string_view iso) const;

 private:
  std::string_view style_;
  SystemTime now_;
};

}  // namespace jetpack::support
