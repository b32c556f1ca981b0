// Runs checks side by side, each with its own deadline.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include <jetpack/process.hpp>
#include "healthcheck/checks.hpp"

namespace jetpack::healthcheck {

struct Limits {
  std::chrono::milliseconds deadline{60000};
  std::chrono::milliseconds grace{2000};  // from SIGTERM to SIGKILL
  size_t at_once = 64;
};

// The outcomes, in the order of the checks. Those with a problem are not run. `env` is added to the
// environment of each.
std::vector<Outcome> run_checks(const Process& process, const std::vector<Check>& checks,
                                const std::vector<std::string>& env, const Limits& limits);

// What the last line of `out` that sets a condition says; an invalid one says so.
Spoken spoken_in(const std::string& out);

}  // namespace jetpack::healthcheck
