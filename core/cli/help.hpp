// Help texts, all made from notes.
#pragma once

#include <string>
#include <vector>

#include "loader/note.hpp"
#include "loader/registry.hpp"

namespace jetpack {

// `jetpack --help`: what it is and its commands.
std::string overview(const std::vector<Registry::Listed>& commands);

// `jetpack GROUP --help`: the commands that begin with the words of `group`.
std::string group_overview(const std::string& group, const std::vector<Registry::Listed>& commands);

// "usage: jetpack log [--level LEVEL] MESSAGE"
std::string usage_line(const CommandNote& command);

// `jetpack help COMMAND`.
std::string command_help(const CommandNote& command);

}  // namespace jetpack
