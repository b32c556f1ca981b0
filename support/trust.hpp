// Whether a file may be loaded as code: who could have written it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "support/files.hpp"

namespace jetpack::support {

// The path without symbolic links. Throws Errc::denied unless it is that of a regular file which,
// with every directory above it, belongs to root, to the effective user or to the owner of this
// program, and can be written by nobody else; Errc::not_found when it does not exist. (A directory
// with the sticky bit, such as /tmp, may be written by all.) A group may write when it is the
// effective user's own: the primary one, with the user's name, and with no other member.
std::string trusted_path(const std::string& path);

// The same where `beside` is what the other returned just now: their directory is not judged again.
std::string trusted_path(const std::string& path, const std::string& beside);

// A trusted file, open: what is read from it is what was judged, whatever is at its path later.
struct TrustedFile {
  Fd fd;
  std::string path;  // without symbolic links
  uint64_t size = 0;
};

// Opens the file and judges what it opened, as trusted_path does. Its directory must also have no
// default access control list that lets others write new files.
TrustedFile open_trusted(const std::string& path);

// The same where one of its directory was opened just now, which is not judged again then.
TrustedFile open_trusted(const std::string& path, const TrustedFile& beside);

// A directory that can be trusted, as can those above it; and files in it that are reached through no
// symbolic link, of which each directory is judged once.
class TrustedTree {
 public:
  // Throws as trusted_path does.
  explicit TrustedTree(const std::string& directory);

  // Without symbolic links.
  const std::string& path() const { return path_; }

  // Opens and judges a file, by its path in the tree; a symbolic link is refused.
  TrustedFile open(const std::string& name);
  // Judges a directory in the tree, and those between.
  void judge_directory(const std::string& name);

 private:
  std::string path_;
  std::vector<std::string> judged_;
};

}  // namespace jetpack::support
