// `jetpack plugin run ID COMMAND ...`: a command of one particular plugin.
#pragma once

#include <string>
#include <vector>

#include "loader/registry.hpp"

namespace jetpack {

// "plugin", "run", ID.
inline constexpr int named_plugin_words = 3;

// Whether the words are such a call, and not one for its help. What follows ID is the other
// command's, so it must not be parsed as options of `plugin run`.
bool names_plugin(const std::vector<std::string>& words);

// The command. When there is none, that is reported, and no plugin is returned.
Registry::Found find_named(const std::vector<std::string>& words, Registry& registry);

}  // namespace jetpack
