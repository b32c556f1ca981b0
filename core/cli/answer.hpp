// What the host itself says on stdout and, of unknown commands, on stderr.
#pragma once

#include <string>
#include <string_view>

#include "loader/registry.hpp"

namespace jetpack {

// Writes to stdout and returns 0. Throws Errc::failed when it cannot be written.
int answer(std::string_view text);

// Reports on stderr which directories of plugins were given and are not used.
void tell_ignored(const Registry& registry);

// Reports that there is no such command, with a suggestion; returns 127.
int unknown_command(const std::string& name, Registry& registry);

}  // namespace jetpack
