// `jetpack converge`: one run, from the configuration to the report.
#pragma once

#include <jetpack/call.hpp>

namespace jetpack::converge {

// Returns the exit code; throws Failed.
int run_converge(const Call& call);

}  // namespace jetpack::converge
