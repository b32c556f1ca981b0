// Runs a plugin that is an executable: hands it the values of a command and becomes it.
#pragma once

#include <string>
#include <vector>

#include "cli/command_line.hpp"
#include "loader/registry.hpp"
#include "services/host_services.hpp"

namespace jetpack {

// Further environment variables of the program, as "NAME=VALUE".
using ProgramVariables = std::vector<std::string>;

// The process becomes the program, which gets the values as JSON from the descriptor that
// JETPACK_VALUES_FD names, and as JETPACK_OPTION_NAME and JETPACK_ARGUMENT_NAME; its exit code is
// ours. One of a bundle runs in a child, as a bundle's libraries do. Throws Refusal when the program
// must not or cannot be executed, and Error.
int run_program(const Plugin& plugin, const CommandNote& command, const Values& values,
                HostServices& services, const ProgramVariables& more = {});

// For tests: the values as JSON, and the variables that stand for them.
std::string values_as_json(const CommandNote& command, const Values& values);
std::vector<std::string> values_as_variables(const CommandNote& command, const Values& values);

}  // namespace jetpack
