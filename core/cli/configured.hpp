// The defaults of parameters that come from the node's configuration.
#pragma once

#include "cli/command_line.hpp"
#include "services/config/home.hpp"

namespace jetpack {

// Reads the configuration below `home` each time that it is asked. A node that has none yet, and null,
// are as if the key were missing. Throws Error when the files cannot be read, and for an object.
Configured configured_in(const Home& home);

}  // namespace jetpack
