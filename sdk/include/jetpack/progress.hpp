// jetpack/progress.hpp: the progress of a transfer on a terminal, in one line that is redrawn.
//
//   jetpack::ProgressBar bar(call);
//   bar.begin("tool.tgz");
//   storage.download(blob, path, {.progress = [&](uint64_t done, uint64_t total) {
//     bar.update(done, total);
//     return true;
//   }});
//   bar.finish(bytes);
#pragma once

#include <jetpack/call.hpp>

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>

namespace jetpack {

// "512 B", "1.5 MiB". [thread-safe]
inline std::string size_text(double bytes) {
  constexpr std::array units{"B", "KiB", "MiB", "GiB", "TiB"};
  constexpr double step = 1024;
  size_t unit = 0;
  while (bytes >= step && unit + 1 < units.size()) {
    bytes /= step;
    ++unit;
  }
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), unit == 0 ? "%.0f %s" : "%.1f %s", bytes, units.at(unit));
  return text.data();
}

// "0:07", "12:40", "3:00:00"; at most "99:59:59". [thread-safe]
inline std::string clock_text(double seconds) {
  constexpr double longest = 359'999;
  const auto whole = static_cast<long>(std::clamp(seconds, 0.0, longest));
  std::array<char, 64> text{};
  if (whole < 3600)
    std::snprintf(text.data(), text.size(), "%ld:%02ld", whole / 60, whole % 60);
  else
    std::snprintf(text.data(), text.size(), "%ld:%02ld:%02ld", whole / 3600, whole / 60 % 60,
                  whole % 60);
  return text.data();
}

// The columns of the terminal that standard error is; 80 where not known. [thread-safe]
inline size_t terminal_width() {
  constexpr size_t usual = 80;
  winsize size{};
  if (::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return usual;
  return size.ws_col;
}

// What erases the line that the cursor is in, and returns to its beginning.
inline constexpr std::string_view erase_line = "\r\x1b[K";

// Writes to standard error, only when that is a terminal; else does nothing. [any-thread]
class ProgressBar {
 public:
  // `call` must outlive it.
  explicit ProgressBar(const Call& call) : call_(call), shown_(call.err_is_terminal()) {}
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;

  // Starts a transfer. `name` is at the start of the line: its end, when it is long, and without
  // control characters.
  void begin(std::string_view name) {
    if (!shown_) return;
    name_ = shortened(name);
    start_ = Clock::now();
    drawn_ = start_ - redraw_after;
    has_base_ = false;
  }

  // Bytes done and in all; `total` is 0 while unknown. May be called as often as one likes.
  void update(uint64_t done, uint64_t total) {
    if (!shown_) return;
    if (!has_base_) {
      base_ = done;
      has_base_ = true;
    }
    const auto now = Clock::now();
    if (now - drawn_ < redraw_after) return;
    drawn_ = now;
    is_drawn_ = true;
    call_.report(std::string(erase_line) + line(done, total));
  }

  // Completes the transfer: the line stays and says how long it took.
  void finish(uint64_t bytes) {
    if (!shown_) return;
    clear();
    std::array<char, 64> taken{};
    std::snprintf(taken.data(), taken.size(), "%.1f s", seconds());
    call_.report(name_ + "  " + size_text(static_cast<double>(bytes)) + " in " + taken.data() +
                 ", " + size_text(rate(bytes)) + "/s\n");
  }

  // Erases the line, to make room for messages.
  void clear() {
    if (!is_drawn_) return;
    call_.report(erase_line);
    is_drawn_ = false;
  }

 private:
  using Clock = std::chrono::steady_clock;

  static constexpr std::chrono::milliseconds redraw_after{100};
  static constexpr size_t longest_name = 30;
  static constexpr size_t longest_bar = 30, shortest_bar = 5;

  // Keeps the end of a name, which says more than its beginning.
  static std::string shortened(std::string_view name) {
    std::string text(name);
    for (char& c : text)
      if (static_cast<unsigned char>(c) < ' ' || c == '\x7f') c = '?';
    if (text.size() <= longest_name) return text;
    size_t from = text.size() - longest_name + 3;
    while (from < text.size() && (static_cast<unsigned char>(text[from]) & 0xC0U) == 0x80U) ++from;
    return "..." + text.substr(from);
  }

  static std::string bar_of(double part, size_t width) {
    const size_t full = std::min(static_cast<size_t>(part * static_cast<double>(width)), width);
    return '[' + std::string(full, '#') + std::string(width - full, '.') + ']';
  }

  double seconds() const { return std::chrono::duration<double>(Clock::now() - start_).count(); }

  double rate(uint64_t done) const {
    constexpr double shortest = 1e-3;
    const uint64_t received = has_base_ && done >= base_ ? done - base_ : done;
    return static_cast<double>(received) / std::max(seconds(), shortest);
  }

  std::string line(uint64_t done, uint64_t total) const {
    const double speed = rate(done);
    std::string after = size_text(static_cast<double>(done));
    if (total > 0) after += " of " + size_text(static_cast<double>(total));
    if (speed > 0) after += "  " + size_text(speed) + "/s";
    if (total == 0) return name_ + "  " + after;
    const double part = static_cast<double>(done) / static_cast<double>(total);
    if (speed > 0 && total >= done)
      after += "  ETA " + clock_text(static_cast<double>(total - done) / speed);
    std::array<char, 16> percent{};
    std::snprintf(percent.data(), percent.size(), "%3.0f%%  ", part * 100);
    after.insert(0, percent.data());
    const size_t taken = name_.size() + after.size() + 6;
    const size_t width = terminal_width();
    if (width < taken + shortest_bar) return after.substr(0, width > 1 ? width - 1 : 0);
    return name_ + "  " + bar_of(part, std::min(longest_bar, width - taken)) + "  " + after;
  }

  const Call& call_;
  bool shown_;
  std::string name_;
  Clock::time_point start_, drawn_;
  bool is_drawn_ = false;
  bool has_base_ = false;
  uint64_t base_ = 0;  // bytes of an earlier run, not part of the rate
};

}  // namespace jetpack
