// Shows on a terminal what converge is doing, in one line that is redrawn.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include <jetpack/call.hpp>

namespace jetpack::converge {

// "[3/10] 20-install.sh (slurm/default)  1:23  last line of its output", in at most `width` columns.
std::string progress_line(std::string_view what, std::chrono::seconds elapsed,
                          std::string_view last, size_t width);

// Writes to standard error, only when it is a terminal.
class Progress {
 public:
  explicit Progress(const Call& call) : call_(call), shown_(call.err_is_terminal()) {}

  void begin(const std::string& what);
  // `output` is what the step has written since the last call.
  void update(std::chrono::milliseconds elapsed, std::string_view output);
  // Erases the line, to make room for others.
  void clear();

 private:
  const Call& call_;
  bool shown_;
  bool is_drawn_ = false;
  std::string what_, last_, open_;
};

}  // namespace jetpack::converge
