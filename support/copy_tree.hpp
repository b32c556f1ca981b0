// Copies a file or a directory tree.
#pragma once

#include <string>

namespace jetpack::support {

enum class SymbolicLinks { copy, skip };

// Copies `from` to `to` with the permissions, below a directory recursively. A directory may exist
// already, a file may not. Throws as fail_on_file does, also for what is no file, directory or link.
// std::filesystem::copy would bring the C++ streams, 450 KB of each module.
void copy_tree(const std::string& from, const std::string& to, SymbolicLinks links);

}  // namespace jetpack::support
