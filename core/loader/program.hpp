// Plugins that are executables in any language: NAME.json, a note, beside the program that it names.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "loader/registry.hpp"

namespace jetpack {

// The note at `path`, and the program beside it that is to run; refused when one of them is faulty.
// nullopt for a JSON file that is no note of a plugin: it names no program. Runs and writes nothing.
std::optional<Plugin> inspect_program(const std::string& path, Origin origin);

// The path of the program, free of links. Throws Refusal unless nobody else could have written the
// note and the program, and the program can be executed.
std::string trusted_program(const Plugin& plugin);

// Throws Refusal unless the program can be executed.
void check_executable(const std::string& program);

// Why the system did not execute a trusted program, for what execve(2) returned.
std::string why_not_executed(const std::string& program, int error);

}  // namespace jetpack
