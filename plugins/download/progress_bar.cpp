// Shows the progress of a transfer on a terminal, in one line that is redrawn.
#include "download/progress_bar.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include "support/text.hpp"

namespace jetpack::download {

namespace {

constexpr std::chrono::milliseconds redraw_after{100};
constexpr size_t usual_width = 80;
constexpr size_t longest_name = 30;
constexpr size_t longest_bar = 30, shortest_bar = 5;
constexpr std::string_view clear_line = "\r\x1b[K";

size_t terminal_width() {
  winsize size{};
  if (::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return usual_width;
  return size.ws_col;
}

template <class... Value>
std::string formatted(const char* format, Value... values) {
  std::array<char, 64> text{};
  const int size = std::snprintf(text.data(), text.size(), format, values...);
  return {text.data(), std::min(static_cast<size_t>(std::max(size, 0)), text.size() - 1)};
}

// "0:07", "12:40", "3:00:00".
std::string clock_text(double seconds) {
  constexpr double longest = 359'999;
  const auto whole = static_cast<long>(std::min(seconds, longest));
  if (whole < 3600) return formatted("%ld:%02ld", whole / 60, whole % 60);
  return formatted("%ld:%02ld:%02ld", whole / 3600, whole / 60 % 60, whole % 60);
}

// Keeps the end of a name, which says more than its beginning.
std::string shortened(const std::string& name) {
  if (name.size() <= longest_name) return name;
  size_t from = name.size() - longest_name + 3;
  while (from < name.size() && (static_cast<unsigned char>(name[from]) & 0xC0U) == 0x80U) ++from;
  return "..." + name.substr(from);
}

std::string bar_of(double part, size_t width) {
  const size_t full = std::min(static_cast<size_t>(part * static_cast<double>(width)), width);
  return "[" + std::string(full, '#') + std::string(width - full, '.') + "]";
}

}  // namespace

std::string size_text(double bytes) {
  constexpr std::array units{"B", "KiB", "MiB", "GiB", "TiB"};
  constexpr double step = 1024;
  size_t unit = 0;
  while (bytes >= step && unit + 1 < units.size()) {
    bytes /= step;
    ++unit;
  }
  return formatted(unit == 0 ? "%.0f %s" : "%.1f %s", bytes, units.at(unit));
}

void ProgressBar::begin(std::string_view name) {
  if (!shown_) return;
  name_ = shortened(support::one_line(name));
  start_ = Clock::now();
  drawn_ = start_ - redraw_after;
  has_base_ = false;
}

void ProgressBar::update(uint64_t done, uint64_t total) {
  if (!shown_) return;
  if (!has_base_) {
    base_ = done;
    has_base_ = true;
  }
  const auto now = Clock::now();
  if (now - drawn_ < redraw_after) return;
  drawn_ = now;
  is_drawn_ = true;
  call_.report(std::string(clear_line) + line(done, total));
}

void ProgressBar::finish(uint64_t bytes) {
  if (!shown_) return;
  clear();
  call_.report(name_ + "  " + size_text(static_cast<double>(bytes)) + " in " +
               formatted("%.1f s", seconds()) + ", " + size_text(rate(bytes)) + "/s\n");
}

void ProgressBar::clear() {
  if (!is_drawn_) return;
  call_.report(clear_line);
  is_drawn_ = false;
}

double ProgressBar::seconds() const {
  return std::chrono::duration<double>(Clock::now() - start_).count();
}

double ProgressBar::rate(uint64_t done) const {
  constexpr double shortest = 1e-3;
  const uint64_t received = has_base_ && done >= base_ ? done - base_ : done;
  return static_cast<double>(received) / std::max(seconds(), shortest);
}

std::string ProgressBar::line(uint64_t done, uint64_t total) const {
  const double speed = rate(done);
  std::string after = size_text(static_cast<double>(done));
  if (total > 0) after += " of " + size_text(static_cast<double>(total));
  if (speed > 0) after += "  " + size_text(speed) + "/s";
  if (total == 0) return name_ + "  " + after;
  const double part = static_cast<double>(done) / static_cast<double>(total);
  if (speed > 0 && total >= done)
    after += "  ETA " + clock_text(static_cast<double>(total - done) / speed);
  after = formatted("%3.0f%%  ", part * 100) + after;
  const size_t taken = name_.size() + after.size() + 6;
  const size_t width = terminal_width();
  if (width < taken + shortest_bar) return after.substr(0, width > 1 ? width - 1 : 0);
  return name_ + "  " + bar_of(part, std::min(longest_bar, width - taken)) + "  " + after;
}

}  // namespace jetpack::download
