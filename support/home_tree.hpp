// Creates the directories of a home tree, with the owner, group and modes that they need.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

namespace jetpack::support {

// The group whose members share run/ and logs/: root's jetpack and the others'.
inline constexpr const char* home_group = "cyclecloud";

// Its id; nullopt where there is no such group.
std::optional<gid_t> home_group_id();

// Creates `root` and what home_files() lists as a directory below it, as far as it is missing; as root
// with the group, where there is one. What exists stays as it is. Throws Errc::denied, unavailable or
// failed.
void create_home_tree(const std::string& root);

}  // namespace jetpack::support
