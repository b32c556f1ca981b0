// Runs the cycles of a node, one after the other.
#pragma once

#include <jetpack/call.hpp>

namespace jetpack::healthcheck {

// Until SIGTERM. Throws Errc::unavailable when another instance runs.
int serve(const Call& call);

}  // namespace jetpack::healthcheck
