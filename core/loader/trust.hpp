// Whether a file may be loaded as code: who could have written it.
#pragma once

#include <string>

namespace jetpack {

// Throws Refusal unless `path` is a regular file that, with every directory above it, belongs to root,
// to the effective user or to the owner of this program, and can be written by nobody else. (A
// directory with the sticky bit, such as /tmp, may be written by all.) Users other than root accept
// what their own group can write. `path` must be absolute and free of symbolic links.
void check_trust(const std::string& path);

}  // namespace jetpack
