// Which names and uids the cluster's users may have on a node.
#pragma once

#include <cstdint>
#include <string_view>

namespace jetpack::support {

inline constexpr uint32_t least_uid = 1000;  // lower ones are for system accounts; login.defs(5)
inline constexpr uint32_t most_uid = 2'000'000'000;

// Whether useradd(8) accepts the name and it has no special meaning in passwd, in a path, or in
// sudoers(5), where `ALL` stands for every user and `Defaults` or `User_Alias` begin other lines:
// 1 to 32 letters, digits, `_`, `-` and `.`, of which the first is a letter or `_`.
bool is_user_name(std::string_view name);

// What is_user_name accepts, for error messages.
inline constexpr const char* user_name_rule =
    "expected 1 to 32 of a-z, A-Z, 0-9, '_', '-' and '.', a letter or '_' first, and no name with "
    "a "
    "meaning of its own (root, ALL, Defaults)";

}  // namespace jetpack::support
