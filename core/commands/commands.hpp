// The commands that belong to the host itself.
#pragma once

#include <string_view>

#include "cli/command_line.hpp"
#include "loader/registry.hpp"

namespace jetpack {

// Their note, made from a declaration like that of any plugin.
std::string_view host_note();

// Runs one of them and returns the exit code. Throws Error or UsageError.
int run_host_command(const CommandNote& command, const Values& values, Registry& registry);

namespace commands {

int completion(const Values& values, Registry& registry);
int help(const Values& values, Registry& registry);
int plugin_list(const Values& values, Registry& registry);
int version(const Values& values, Registry& registry);

}  // namespace commands
}  // namespace jetpack
