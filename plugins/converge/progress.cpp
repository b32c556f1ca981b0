// Shows on a terminal what converge is doing.
#include "converge/progress.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <array>
#include <cstdio>

#include "support/text.hpp"
#include "support/utf8.hpp"

namespace jetpack::converge {

namespace {

constexpr std::string_view erase_line = "\r\x1b[K";
constexpr size_t max_open = 4096;

size_t width_of_terminal() {
  constexpr size_t usual = 80;
  winsize size{};
  if (::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return usual;
  return size.ws_col;
}

std::string time_taken(std::chrono::seconds elapsed) {
  const auto seconds = static_cast<long>(elapsed.count());
  std::array<char, 32> text{};
  if (seconds < 3600)
    std::snprintf(text.data(), text.size(), "%ld:%02ld", seconds / 60, seconds % 60);
  else
    std::snprintf(text.data(), text.size(), "%ld:%02ld:%02ld", seconds / 3600, seconds / 60 % 60,
                  seconds % 60);
  return text.data();
}

}  // namespace

std::string progress_line(std::string_view what, std::chrono::seconds elapsed,
                          std::string_view last, size_t width) {
  std::string line = std::string(what) + "  " + time_taken(elapsed);
  if (!last.empty()) line += "  " + support::one_line(last);
  return std::string(support::beginning_of(line, width > 1 ? width - 1 : 0));
}

void Progress::begin(const std::string& what) {
  what_ = support::one_line(what);
  last_.clear();
  open_.clear();
}

void Progress::update(std::chrono::milliseconds elapsed, std::string_view output) {
  if (!shown_) return;
  open_ += output;
  // The last line that is complete.
  const size_t end = open_.rfind('\n');
  if (end != std::string::npos) {
    const size_t start = end == 0 ? std::string::npos : open_.rfind('\n', end - 1);
    const size_t from = start == std::string::npos ? 0 : start + 1;
    if (end > from) last_ = open_.substr(from, end - from);
    open_.erase(0, end + 1);
  }
  if (open_.size() > max_open) open_.erase(0, open_.size() - max_open);
  is_drawn_ = true;
  call_.report(std::string(erase_line) +
               progress_line(what_, std::chrono::duration_cast<std::chrono::seconds>(elapsed),
                             last_, width_of_terminal()));
}

void Progress::clear() {
  if (!is_drawn_) return;
  call_.report(erase_line);
  is_drawn_ = false;
}

}  // namespace jetpack::converge
