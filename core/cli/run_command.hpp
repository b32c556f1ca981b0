// Loads a plugin and runs one of its commands.
#pragma once

#include <string>

#include "cli/command_line.hpp"
#include "loader/registry.hpp"
#include "services/host_services.hpp"

namespace jetpack {

// Runs `command` and returns the exit code of the process. Built-ins run in this process, all else
// in a child, so that a crash ends only the child: 128 + the signal. Throws Refusal when the
// library cannot be loaded, and Error when the command fails.
int run_command(const Plugin& plugin, const CommandNote& command, const Values& values,
                HostServices& services);

}  // namespace jetpack
