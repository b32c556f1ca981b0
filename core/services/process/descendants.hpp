// All processes below this one: what it started, and what that started.
#pragma once

#include <sys/types.h>

#include <vector>

namespace jetpack {

// Needs to look at all of /proc, unless this process has no child. What lost its parent is found
// only if this process is a child subreaper.
std::vector<pid_t> descendants();

// Those that are below one of `roots`, and the roots themselves left out.
std::vector<pid_t> descendants_of(const std::vector<pid_t>& roots);

}  // namespace jetpack
