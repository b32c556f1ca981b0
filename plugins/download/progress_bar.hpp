// How far a transfer is, on a terminal: one line that is written over.
#pragma once

#include <jetpack/call.hpp>

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace jetpack::download {

// "512 B", "1.5 MiB".
std::string size_text(double bytes);

// Writes to standard error, and only where that is a terminal.
class ProgressBar {
 public:
  explicit ProgressBar(const jetpack::Call& call) : call_(call), shown_(call.err_is_terminal()) {}
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;

  // A transfer begins; `name` is what the line is about.
  void begin(std::string_view name);
  // `total` is 0 while it is unknown.
  void update(uint64_t done, uint64_t total);
  // It is whole: the line stays, and says how long it took.
  void finish(uint64_t bytes);
  // It failed: the line goes, for what is said next.
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
  uint64_t base_ = 0;  // there before this run, and no part of its rate
};

}  // namespace jetpack::download
