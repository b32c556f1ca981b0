// The configuration files as trees: the merged configuration, the properties, the users.
#pragma once

#include <string_view>
#include <vector>

#include "services/config/home.hpp"
#include "support/json.hpp"

namespace jetpack {

// Documents laid over each other; they own what the root points into.
class Tree {
 public:
  explicit Tree(support::Json base) { layers_.push_back(std::move(base)); }

  const rapidjson::Value& root() const { return layers_.front().root(); }

  enum class Precedence {
    replace,     // what is laid over wins; objects are merged
    keep_kinds,  // the same, but neither is an object replaced by something else nor the reverse
  };
  void lay_over(support::Json layer, Precedence precedence);

  // Only what the agent knows by itself is there: of a key that is missing nobody knows whether the
  // server has it.
  bool is_partial() const { return is_partial_; }
  void set_partial() { is_partial_ = true; }

 private:
  std::vector<support::Json> layers_;
  bool is_partial_ = false;
};

// What the agent knows of its node, config/facts.json, overlaid by what an administrator wrote,
// config/local.json, what the server delivered, config/configuration.json, and
// config/properties.json; below them what Chef found, config/attributes.json. Edits show at once.
// Properties have names such as cyclecloud.cluster and os that are of another kind in the
// configuration; these stay. Before the agent has written its facts, config/node.json is the base.
// Throws Errc::unavailable when none exists, and Errc::corrupt with file, line and column.
// Holds only what the dotted key leads to; "" is everything.
Tree read_configuration(const Home& home, std::string_view key = {});

// config/properties.json; empty when it does not exist.
Tree read_properties(const Home& home);

// config/auth.json: an array of users, or an object with the array "users". Throws
// Errc::unavailable when it does not exist.
Tree read_users(const Home& home);

// Sets a property in config/properties.json; see jp_config.set_property.
void write_property(const Home& home, std::string_view key, std::string_view json);

}  // namespace jetpack
