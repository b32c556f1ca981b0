// Shows the progress of a transfer on a terminal, in one line that is redrawn.
#pragma once

#include <jetpack/call.hpp>

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace jetpack::download {

// "512 B", "1.5 MiB".
std::string size_text(double bytes);

// Writes to standard error, only when it is a terminal.
class ProgressBar {
 public:
  explicit ProgressBar(const jetpack::Call& call) : call_(call), shown_(call.err_is_terminal()) {}
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;

  // Starts a transfer; `name` is shown at the start of the line.
  void begin(std::string_view name);
  // `total` is 0 while unknown.
  void update(uint64_t done, uint64_t total);
  // Completes the transfer: the line stays and says how long it took.
  void finish(uint64_t bytes);
  // Erases the line, after a failure, to make room for messages.
  void clear();

 private:
  using Clock = std::chrono::steady_clock;

  double seconds() const;
  double rate(uint64_t done) const;
  std::string line(uint64_t done, uint64_t total) const;

  const jetpack::Call& call_;
  bool shown_;
  std::string name_;
  Clock::time_point start_, drawn_;
  bool is_drawn_ = false;
  bool has_base_ = false;
  uint64_t base_ = 0;  // bytes of an earlier run, not part of the rate
};

}  // namespace jetpack::download
