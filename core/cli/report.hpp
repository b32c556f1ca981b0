// How failures are reported: one line on stderr, then details, and the exit code.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "loader/note.hpp"
#include "loader/registry.hpp"

namespace jetpack {

enum ExitCode : int {
  exit_done = 0,
  exit_failed = 1,
  exit_usage = 2,
  exit_refused = 126,
  exit_unknown_command = 127,
};

// Writes to stderr, with a line break at the end. Control characters that could steer a terminal
// are escaped.
void tell(std::string_view text);

// Reports that standard output could not be written, for this errno: throws Errc::failed, or ends the
// process by SIGPIPE when nobody reads any more.
[[noreturn]] void fail_to_print(int error);

// Runs `body`; what it throws is reported as coming from `command`, and becomes the exit code.
int report_failure(const CommandNote& command, const Plugin& plugin,
                   const std::function<int()>& body);

}  // namespace jetpack
