// Files that root and the members of the run directory's group use together.
#pragma once

#include <sys/types.h>

#include <string>

namespace jetpack::session {

inline constexpr mode_t shared_mode = 0660;

// A path in the run directory, resolved, of a file that exists from now on with shared_mode and the
// directory's group, whatever the umask. Throws when the directory is missing or is not writable.
std::string shared_file(const std::string& directory, const std::string& name);

// Throws that the file could not be created, with what to do about it.
[[noreturn]] void fail_create(const std::string& directory, const std::string& path, int error);

}  // namespace jetpack::session
