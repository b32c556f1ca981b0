// Says what converge does: in logs/jetpack.log, and as lines on standard output or in one on a
// terminal.
#pragma once

#include <string>
#include <string_view>

#include <jetpack/call.hpp>
#include <jetpack/log.hpp>
#include "converge/progress.hpp"

namespace jetpack::converge {

class Narrator {
 public:
  explicit Narrator(const Call& call);

  // With --json standard output has nothing but the result.
  void say(const std::string& line);
  void warn(const std::string& line);
  // For logs/jetpack.log, and standard output with --debug.
  void remark(const std::string& line);
  // Output of a script, for --cluster-init and --debug.
  void echo(std::string_view output);
  bool echoes() const { return echoes_; }

  Progress& progress() { return progress_; }
  const Log& log() const { return log_; }

 private:
  void print(std::string_view text);

  const Call& call_;
  Log log_;
  Progress progress_;
  bool as_json_, debugs_, echoes_;
  bool is_in_line_ = false;  // the last output did not end its line
};

}  // namespace jetpack::converge
