// What the server tells a node of itself: its configuration, properties and users.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <rapidjson/document.h>

namespace jetpack::jetpackd {

struct User {
  std::string name;
  std::string full_name;
  uint32_t uid = 0;
  bool is_admin = false;
  bool is_owner = false;
  std::vector<std::string> public_keys;
};

struct Userdata {
  std::string version;
  std::string configuration;       // the content of config/configuration.json
  rapidjson::Document properties;  // an object
  // nullopt: the server does not say, so nobody's access changes.
  std::optional<std::vector<User>> users;
  std::vector<std::string> warnings;  // users that are left out, and why
};

// Throws Errc::corrupt when it is not what a server sends.
Userdata parse_userdata(std::string_view json);

// The content of config/auth.json: callers find the names by a line `"name": "ada"` for each.
std::string to_auth_json(const std::vector<User>& users);

// The content of config/properties.json: what the server says, but what was changed on this node
// since the server last spoke (`base`) stays, because the server may not know it yet.
std::string merge_properties(const rapidjson::Value& base, const rapidjson::Value& theirs,
                             const rapidjson::Value& ours);

}  // namespace jetpack::jetpackd
