// The table of all files of a node: what each is, who writes it, and with which mode. `jetpack help
// files`, docs/files.md and the tree check of `jetpack doctor` are views of it.
#pragma once

#include <sys/types.h>

#include <span>

namespace jetpack::support {

// The texts are within the entry: pointers would have to be relocated each time that jetpack starts.
struct HomeFile {
  // Below the home tree, or absolute. NAME, PROJECT and other words in upper case stand for any
  // text; "..." at the end for everything below.
  char path[64];
  mode_t mode;  // of a new one; 0: whatever its package or its writer gives it
  char format[16];
  char writer[40];
  char help[116];
  bool may_be_edited = false;
  bool is_secret = false;  // may have passwords or tokens in it
  bool is_shared = false;  // a directory that members of the group write to
  bool is_needed = false;  // a directory without which jetpack does not work

  bool is_directory() const;
};

// In the order in which they are documented.
std::span<const HomeFile> home_files();

}  // namespace jetpack::support
