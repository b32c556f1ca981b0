// Whether a file may be loaded as code: who could have written it.
#pragma once

#include <cstdint>
#include <string>

#include "support/files.hpp"

namespace jetpack::support {

// The path without symbolic links. Throws Errc::denied unless it is that of a regular file which,
// with every directory above it, belongs to root, to the effective user or to the owner of this
// program, and can be written by nobody else; Errc::not_found when it does not exist. (A directory
// with the sticky bit, such as /tmp, may be written by all.) A group may write when it is the
// effective user's own: the primary one, with the user's name, and with no other member.
std::string trusted_path(const std::string& path);

// A trusted file, open: what is read from it is what was judged, whatever is at its path later.
struct TrustedFile {
  Fd fd;
  std::string path;    // without symbolic links
  uint64_t links = 0;  // hard links
  uint64_t size = 0;
};

// Opens the file and judges what it opened, as trusted_path does. Its directory must also have no
// default access control list that lets others write new files.
TrustedFile open_trusted(const std::string& path);

}  // namespace jetpack::support
