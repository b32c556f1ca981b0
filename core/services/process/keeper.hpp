// The process that stands between us and a script, so that everything the script starts can be
// found and killed: also what leaves its session or forks twice.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "support/files.hpp"

namespace jetpack {

struct KeeperTask {
  std::vector<std::string> argv;
  std::vector<std::string> env;  // the whole environment; the program is searched in its PATH
  std::string directory;         // empty: unchanged
  int64_t deadline_ms = 0;       // 0: none
  int64_t grace_ms = 2000;
};

// What the keeper reports, through a pipe, as one record.
struct KeeperReport {
  int32_t start_error = 0;  // errno when the program could not be started
  int32_t exit_code = -1;
  int32_t signal = 0;
  uint32_t timed_out = 0;
  uint32_t killed = 0;
};

struct Pipe {
  support::Fd read;
  support::Fd write;
};

// Closed on exec. Throws Errc::unavailable.
Pipe make_pipe();

// The ends of a running keeper that its parent holds.
struct Keeper {
  pid_t pid = -1;
  support::Fd lifeline;  // closing it makes the keeper kill everything and end
  support::Fd report;    // one KeeperReport, then the end
};

// Forks a keeper, which runs the task with the given descriptors as its standard streams. Throws
// Errc::unavailable when there is no process to be had.
Keeper start_keeper(const KeeperTask& task, const support::Fd& in, const support::Fd& out,
                    const support::Fd& err);

}  // namespace jetpack
