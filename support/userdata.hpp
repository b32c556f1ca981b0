// The userdata that the server sends: a node's configuration, properties and users.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <rapidjson/document.h>

namespace jetpack::support {

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
  // nullopt: not sent, so no user's access changes.
  std::optional<std::vector<User>> users;
  std::vector<std::string> warnings;  // the users and keys that were skipped, and why
  std::vector<std::string> left_out;  // the same in few words, for the cluster: "'1234'"
};

// Throws Errc::corrupt when it is not valid userdata.
Userdata parse_userdata(std::string_view json);

// The content of config/auth.json. Callers grep it for lines such as `"name": "ada"`.
std::string to_auth_json(const std::vector<User>& users);

// The content of config/properties.json: the server's properties, except those that were changed on
// this node since the last fetch (`base`), which the server may not have yet.
std::string merge_properties(const rapidjson::Value& base, const rapidjson::Value& theirs,
                             const rapidjson::Value& ours);

}  // namespace jetpack::support
