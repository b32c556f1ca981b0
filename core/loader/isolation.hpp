// Runs code in a child process, so that its crash is reported and does not crash us.
#pragma once

#include <functional>
#include <string>

namespace jetpack {

// Forks, runs `body` in the child and returns its exit code. A child that dies of a signal is
// reported on stderr as `name`, and gives 128 + the signal. Signals that would end us are passed
// on; if we are killed, so is the child. Call it before any thread exists.
int run_isolated(const std::string& name, const std::function<int()>& body);

}  // namespace jetpack
