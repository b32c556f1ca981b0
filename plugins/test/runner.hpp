// Runs a test file in a process of its own.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include <jetpack/process.hpp>
#include "test/files.hpp"

namespace jetpack::test {

enum class State {
  passed,
  failed,
  timed_out,
  invalid,  // it could not be run
  skipped,  // it has no tests
};

// "passed", "timed_out" ...
const char* name_of(State state);
// Whether it makes the run fail.
bool is_failure(State state);

struct Result {
  std::string project, spec, file;
  State state = State::passed;
  int exit_code = 0;  // -1: ended by a signal, or not run
  std::string message;
  std::string output;  // both streams, masked, at most 128 KiB: beginning and end
  std::chrono::milliseconds elapsed{0};
};

struct Surroundings {
  std::string directory;  // of the tests
  std::string python;
  std::vector<std::string> env;
  std::chrono::milliseconds deadline{0};
};

// Fills in all but where the file is from.
Result run_test(const Process& process, const Surroundings& around, const TestFile& file);

}  // namespace jetpack::test
