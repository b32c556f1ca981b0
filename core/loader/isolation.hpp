// Runs a plugin in a child process, with limits, so that its end is reported and is not ours.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "loader/limits.hpp"

namespace jetpack {

struct Isolation {
  std::string name;  // for messages: "com.example.gpu in 'jetpack gpu list'"
  Limits limits;
  // The capabilities that are granted; all other dangerous calls are denied (call_filter.hpp).
  // Unset: no call is.
  std::optional<std::vector<std::string>> granted;
  // What is run may be replaced by another program, whose exit code is then the plugin's. Otherwise
  // a process that ends before `body` returns is reported, and never a success.
  bool may_exec = false;
};

// How the plugin ended.
struct Ending {
  int code = 0;
  // What was reported of an end that was not its own; empty: it returned, or was interrupted.
  std::string fault;
  bool crashed = false;  // by a signal of its own making, such as SIGSEGV
  // The last that it wrote to stderr; empty where that is a terminal, or the same as stdout.
  std::string last_words;
};

// Forks, runs `body` in the child, and returns its exit code; call it before any thread exists. What
// ends otherwise is reported in one line on stderr: of a signal, 128 + its number; of a limit,
// 128 + SIGKILL; 1 instead of a 0 that was not returned. Signals that would end us are passed on. What the
// child started and left is ended with it; if we are killed, so is the child.
Ending run_isolated(const Isolation& isolation, const std::function<int()>& body);

}  // namespace jetpack
