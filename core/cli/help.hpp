// Help texts, all made from notes.
#pragma once

#include <string>
#include <vector>

#include "loader/note.hpp"
#include "loader/registry.hpp"

namespace jetpack {

inline constexpr size_t default_help_width = 80;

// How many columns a text on this descriptor may have: those of its terminal, 60 to 100, and 80 where
// it is none.
size_t help_width(int fd);

// `jetpack --help`: what it is and its commands.
std::string overview(const std::vector<Registry::Listed>& commands,
                     size_t width = default_help_width);

// `jetpack GROUP --help`: the commands that begin with the words of `group`.
std::string group_overview(const std::string& group, const std::vector<Registry::Listed>& commands,
                           size_t width = default_help_width);

// "usage: jetpack log [--level LEVEL] MESSAGE"
std::string usage_line(const CommandNote& command, size_t width = default_help_width);

// `jetpack help COMMAND`.
std::string command_help(const CommandNote& command, size_t width = default_help_width);

}  // namespace jetpack
