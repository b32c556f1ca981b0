// Maps blobs to files, by the rules that scripts rely on.
#pragma once

#include <optional>
#include <string>
#include <string_view>

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

// Throws unless a file can be written there: the directory must exist, and the path must be free or
// a regular file, not a directory, link or device.
void check_writable(const std::string& path);

}  // namespace jetpack::download
