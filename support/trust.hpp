// Whether a file may be loaded as code: who could have written it.
#pragma once

#include <string>

namespace jetpack::support {

// The path without symbolic links. Throws Errc::denied unless it is that of a regular file which,
// with every directory above it, belongs to root, to the effective user or to the owner of this
// program, and can be written by nobody else; Errc::not_found when it does not exist. (A directory
// with the sticky bit, such as /tmp, may be written by all.) A group may write when it is the
// effective user's own: the primary one, with the user's name, and with no other member.
std::string trusted_path(const std::string& path);

}  // namespace jetpack::support
