// Opens a file below a directory, and nothing that a link leads to outside of it.
#pragma once

#include <string>

#include "support/files.hpp"

namespace jetpack::support {

enum class Links {
  inside,  // are followed, unless they lead out of the directory
  none     // are not followed
};

// Opens `path`, relative to the directory `root`, with `flags` of open(2). Returns an invalid Fd
// with errno set: EXDEV when the path leads out of the directory, ELOOP at a link that is not
// followed. Uses openat2(2); where the kernel (before 5.6) or a seccomp profile does not have it,
// walks the path.
Fd open_below(int root, const std::string& path, int flags, Links links);

// Creates the directory `path` below `root` with all its parents, follows no link, and opens it.
// Returns an invalid Fd with errno set.
Fd create_directories_below(int root, const std::string& path);

// The walk that replaces openat2(2).
Fd open_by_walking(int root, const std::string& path, int flags, Links links);

}  // namespace jetpack::support
