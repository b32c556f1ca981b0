// Finds the file of the running program, and which run of the machine this is.
#pragma once

#include <cstdint>
#include <string>

namespace jetpack::support {

// Its absolute path, free of symbolic links; also where /proc is not mounted, as while an image is
// built. Empty when it cannot be found.
std::string program_path();

// The same until the machine is started again, then another one; empty when it is not known.
std::string boot_id();

// When the machine was started, in seconds since 1970; 0 when it is not known. The same until the
// clock is set.
int64_t boot_time();

}  // namespace jetpack::support
