// Dotted keys: "cyclecloud.cluster.name".
#pragma once

#include <string_view>

#include <rapidjson/document.h>

namespace jetpack {

// The value at `key`; nullptr when there is none. "" is the tree itself. A key of the tree may hold
// dots itself: where both exist the nested one is found.
const rapidjson::Value* find_key(const rapidjson::Value& tree, std::string_view key);

// The longest leading part of `key` that exists: "cyclecloud.cluster" of "cyclecloud.cluster.nam".
std::string_view known_part(const rapidjson::Value& tree, std::string_view key);

}  // namespace jetpack
