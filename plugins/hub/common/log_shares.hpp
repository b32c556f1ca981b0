// The share of the hub's log that each node has for its own lines.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "common/byte_rate.hpp"
#include "support/log_file.hpp"

namespace jetpack::hub {

// Leaves lines out when a node has written its share, so that it cannot push the lines of others out
// of the log, and says once a minute how many. For one thread at a time.
class LogShares {
 public:
  using Clock = ByteRate::Clock;

  static constexpr uint64_t bytes_per_hour = 256 << 10;

  explicit LogShares(const support::LogFile& log,
                     const std::function<Clock::time_point()>& now = Clock::now)
      : log_(log), now_(now), rate_("log", bytes_per_hour, now) {}
  LogShares(const LogShares&) = delete;
  LogShares& operator=(const LogShares&) = delete;
  ~LogShares() { report(Clock::duration::zero()); }

  // Writes the lines of a node, as far as its share goes.
  void write(const std::string& sender, std::vector<support::LogEntry> lines);

 private:
  struct LeftOut {
    Clock::time_point reported{};  // last
    uint64_t lines = 0;            // since then
  };

  void report(Clock::duration interval);

  const support::LogFile& log_;
  std::function<Clock::time_point()> now_;
  ByteRate rate_;
  std::map<std::string, LeftOut> left_out_;
};

}  // namespace jetpack::hub
