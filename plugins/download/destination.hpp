// Where a blob becomes a file, by the rules that scripts rely on.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace jetpack::download {

// The blob's name without its folders.
std::string_view base_name(std::string_view blob);

// Whether it can be a blob's name, or a part of one, and a path below a folder as well: no segment
// is empty, "." or "..", and there is no control character.
bool is_safe_name(std::string_view name);

// Whether the path is an existing folder, or is written as one ("x/").
bool means_folder(const std::string& path);

// The file or folder that `name` becomes: ./NAME without a destination, DEST/NAME where that means
// a folder, which is made, else DEST itself.
std::string place_of(std::string_view name, const std::optional<std::string>& destination);

// Makes the folder, and those above it. Throws.
void make_folders(const std::string& folder);

// Throws unless a file may be put there: the folder exists, and what stands there, if anything, is
// a file of its own and neither a folder, nor a link, nor a device.
void check_place(const std::string& path);

}  // namespace jetpack::download
