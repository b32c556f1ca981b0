// Supervises a script from a process of its own, so that everything the script starts can be found
// and killed: also what leaves its session or forks twice.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "support/files.hpp"

namespace jetpack {

// What to run.
struct Task {
  std::vector<std::string> argv;
  std::vector<std::string> env;  // the whole environment; the program is searched in its PATH
  std::string directory;         // empty: unchanged
  int64_t deadline_ms = 0;       // 0: none
  int64_t grace_ms = 2000;
  bool leaves_daemons = false;  // what still runs after a script that ended in time goes on
};

// What the supervisor reports, through a pipe, as one record.
struct Report {
  int32_t start_error = 0;  // errno when the program could not be started
  int32_t exit_code = -1;
  int32_t signal = 0;
  uint32_t timed_out = 0;
  uint32_t killed = 0;
  uint32_t left = 0;     // processes that the kernel does not end
  int32_t left_pid = 0;  // one of them
};

struct Pipe {
  support::Fd read;
  support::Fd write;
};

// Closed on exec. Throws Errc::unavailable.
Pipe make_pipe();

// The ends of a running supervisor that its parent holds.
struct Supervisor {
  pid_t pid = -1;
  // A byte ends the script as its deadline would. Closed, also by the end of the parent, it makes
  // the supervisor kill everything at once.
  support::Fd lifeline;
  support::Fd report;  // one Report, then the end
};

// Forks a supervisor, which runs the task with the given descriptors as its standard streams.
// Throws Errc::unavailable when no process can be created.
Supervisor start_supervisor(const Task& task, const support::Fd& in, const support::Fd& out,
                            const support::Fd& err);

}  // namespace jetpack
