// The share of the hub's log that each node has for its own lines.
#include "common/log_shares.hpp"

#include <utility>

namespace jetpack::hub {

namespace {

constexpr std::chrono::minutes report_interval{1};
// Of a line: its time, level and end.
constexpr size_t line_overhead = 34;

}  // namespace

void LogShares::write(const std::string& sender, std::vector<support::LogEntry> lines) {
  const auto left_out = std::erase_if(lines, [&](const support::LogEntry& line) {
    return !rate_.try_take(sender, line.message.size() + line_overhead);
  });
  log_.write(lines);
  if (left_out > 0) left_out_[sender].lines += left_out;
  report(report_interval);
}

// Those of whom nothing was said for the interval.
void LogShares::report(Clock::duration interval) {
  const auto now = now_();
  for (auto sender = left_out_.begin(); sender != left_out_.end();) {
    LeftOut& left_out = sender->second;
    const bool is_due = now - left_out.reported >= interval;
    if (is_due && left_out.lines == 0) {
      sender = left_out_.erase(sender);
      continue;
    }
    if (is_due) {
      log_.warning("left out " + std::to_string(left_out.lines) + " lines of " + sender->first +
                   ", which writes more than " + std::to_string(bytes_per_hour >> 10) +
                   " KiB an hour; 'jetpack hub event list' shows all");
      left_out = {now, 0};
    }
    ++sender;
  }
}

}  // namespace jetpack::hub
