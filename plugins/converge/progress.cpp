// Shows on a terminal what converge is doing.
#include "converge/progress.hpp"

#include <jetpack/progress.hpp>

#include "support/text.hpp"
#include "support/utf8.hpp"

namespace jetpack::converge {

namespace {

constexpr size_t max_open = 4096;

}  // namespace

std::string progress_line(std::string_view what, std::chrono::seconds elapsed,
                          std::string_view last, size_t width) {
  std::string line = std::string(what) + "  " + clock_text(static_cast<double>(elapsed.count()));
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
                             last_, terminal_width()));
}

void Progress::clear() {
  if (!is_drawn_) return;
  call_.report(erase_line);
  is_drawn_ = false;
}

}  // namespace jetpack::converge
