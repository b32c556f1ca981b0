// Maps blobs to files, by the rules that scripts rely on.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "support/files.hpp"

namespace jetpack::download {

// The last segment of a blob's name.
std::string_view base_name(std::string_view blob);

// Whether it is valid both as a blob's name, or a part of one, and as a path below a directory: no
// segment is empty, "." or "..", and there are no control characters.
bool is_safe_name(std::string_view name);

// Whether the path is an existing directory, or ends in '/'.
bool names_directory(const std::string& path);

// The local path of `name`: ./NAME without a destination; DEST/NAME when DEST names a directory,
// which is created; otherwise DEST itself.
std::string path_for(std::string_view name, const std::optional<std::string>& destination);

// Creates the directory and its parents. Throws.
void create_directories(const std::string& directory);

// The path itself, or what the link at it points to. Throws where the kernel would not follow the
// link (fs.protected_symlinks), whether or not that is switched on.
std::string follow_link(const std::string& path);

// Whether it is standard output ("-" or /dev/stdout).
bool is_standard_output(const std::string& path);

// Whether a character or block device is there, which is written to and not replaced.
bool is_device(const std::string& path);

// Creates the directory `below` in `root`, and follows no link on the way: a user who may write to a
// directory there cannot redirect it. An empty file in its place is replaced: that is what earlier
// versions left. Throws.
void create_directory_below(const std::string& root, const std::string& below);

// A temporary file for what must be complete before it is passed on.
class Spool {
 public:
  Spool();
  Spool(const Spool&) = delete;
  Spool& operator=(const Spool&) = delete;
  ~Spool();

  std::string path() const { return directory_ + "/blob"; }
  // Passes the content on, piece by piece. Throws.
  void read(const std::function<void(std::string_view)>& take) const;

 private:
  std::string directory_;
};

// Throws unless a file can be written there: the directory must exist, and the path must be free or
// a regular file, not a directory, link or device.
void check_writable(const std::string& path);

}  // namespace jetpack::download
