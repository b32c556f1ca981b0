// The checks of a node: which there are, and what a run of one has shown.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace jetpack::healthcheck {

// Of the name of a condition, in bytes.
inline constexpr size_t max_name = 128;

// A script of config/healthcheck.d, or what a plugin offers.
struct Check {
  std::string name;                       // the file's, or the offer's
  std::vector<std::string> argv;          // how to run it; empty: not at all
  std::string problem;                    // why not
  std::chrono::milliseconds interval{0};  // of a plugin's: at least between two runs
  std::chrono::milliseconds deadline{0};  // of a plugin's; 0: that of all
};

// The scripts in the directory by name, also those that must not run; none when the directory does
// not exist. Hidden files and editors' backups (NAME~) are left out.
std::vector<Check> find_checks(const std::string& directory);

enum class State { passed, failed, unhealthy, hung, invalid };

// "passed", "failed" ...
std::string name_of(State state);
State state_named(const std::string& name);

// What the built-in checks and scripts exit with to ask for the end of their node.
inline constexpr int unhealthy_code = 254;

// What a check says of itself: {"condition": {"status", "message", "details"}} on a line of stdout.
struct Spoken {
  std::string status;  // empty: it says nothing
  std::string message;
  std::string details;
};

// What a run of a check has shown.
struct Outcome {
  State state = State::passed;
  int exit_code = 0;  // -1: ended by a signal, or not run
  std::string message;
  std::string out, err;
  Spoken spoken;
  int64_t elapsed_ms = 0;
  int left_pid = 0;         // a process that the kernel does not end
  uint64_t left_start = 0;  // when it was started, in clock ticks since the boot
};

// When the process was started, in clock ticks since the boot; 0: there is none, or it has ended.
uint64_t start_of_process(int pid);

}  // namespace jetpack::healthcheck
