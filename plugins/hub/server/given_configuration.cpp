#include "server/given_configuration.hpp"

#include <algorithm>
#include <utility>

#include "common/json.hpp"
#include "common/text.hpp"
#include "store/messages.hpp"
#include "store/target_table.hpp"
#include "support/json.hpp"
#include "support/json_writer.hpp"
#include "support/sha256.hpp"
#include "support/text.hpp"

namespace jetpack::hub {

namespace {

// What the configuration of the cluster, the array and the node can set differently.
std::string defaults_of(const Node& node, const std::vector<User>& users,
                        const rapidjson::Value& array) {
  constexpr size_t id_digits = 32;
  const User* const owner = owner_of(users);
  return support::json_object([&](support::Object& object) {
    object.object("cyclecloud", [&](support::Object& cyclecloud) {
      cyclecloud.object("cluster", [&](support::Object& cluster) {
        cluster.text("id", support::sha256_hex("cluster/" + node.cluster).substr(0, id_digits))
            .number("start_count", support::number_or(array, "InitialCount", 0));
        if (owner == nullptr) return;
        const auto keys = owner->keys();
        cluster.object("user", [&](support::Object& user) {
          user.text("name", owner->name);
          if (!keys.empty()) user.text("public_key", support::trimmed(keys.front()));
        });
      });
    });
  });
}

std::string identity_of(const Node& node) {
  return support::json_object([&](support::Object& object) {
    object.object("cyclecloud", [&](support::Object& cyclecloud) {
      cyclecloud.object("cluster",
                        [&](support::Object& cluster) { cluster.text("name", node.cluster); });
      cyclecloud.object("node", [&](support::Object& self) {
        self.text("name", node.name).text("id", node.node_id);
        if (!node.template_name.empty()) self.text("template", node.template_name);
      });
    });
  });
}

const rapidjson::Value* specs_in(const rapidjson::Value& configuration) {
  const auto* cyclecloud = support::find_member(configuration, "cyclecloud");
  const auto* specs =
      cyclecloud == nullptr ? nullptr : support::find_member(*cyclecloud, "cluster_init_specs");
  return specs != nullptr && specs->IsArray() ? specs : nullptr;
}

// The specs of all configurations, the inherited ones first. One that names a project and a spec
// again takes the earlier one's place, with another version for example.
std::string merged_specs(const std::vector<std::string>& configurations) {
  std::vector<std::pair<std::string, std::string>> specs;
  bool has_any = false;
  for (const auto& text : configurations) {
    const auto configuration = parse_object(text);
    const auto* list = configuration ? specs_in(*configuration) : nullptr;
    if (list == nullptr) continue;
    has_any = true;
    for (const auto& spec : list->GetArray()) {
      const std::string name =
          support::text_or(spec, "project", "") + '\n' + support::text_or(spec, "spec", "");
      const auto same = std::find_if(specs.begin(), specs.end(),
                                     [&](const auto& known) { return known.first == name; });
      if (same != specs.end()) {
        same->second = support::to_json(spec);
      } else {
        specs.emplace_back(name, support::to_json(spec));
      }
    }
  }
  if (!has_any) return "{}";
  return support::json_object([&](support::Object& object) {
    object.object("cyclecloud", [&](support::Object& cyclecloud) {
      cyclecloud.list("cluster_init_specs", specs, [](support::JsonWriter& json, const auto& spec) {
        json.RawValue(spec.second.data(), spec.second.size(), rapidjson::kObjectType);
      });
    });
  });
}

// The definition of the node's array, or an object without members.
rapidjson::Document array_of(SqlSession& session, const Node& node) {
  if (!node.template_name.empty())
    for (const auto& array : list_nodearrays(session, node.cluster, now_ms()))
      if (array.name == node.template_name)
        if (auto definition = parse_object(array.definition)) return *std::move(definition);
  return rapidjson::Document(rapidjson::kObjectType);
}

}  // namespace

const User* owner_of(const std::vector<User>& users) {
  const auto found =
      std::find_if(users.begin(), users.end(), [](const User& user) { return user.is_owner; });
  return found == users.end() ? nullptr : &*found;
}

std::string given_configuration(SqlSession& session, const Node& node,
                                const std::vector<User>& users) {
  const auto array = array_of(session, node);
  const auto* of_array = support::find_member(array, "Configuration");
  const std::vector<std::string> layers{
      cluster_configuration(session, node.cluster),
      of_array != nullptr && of_array->IsObject() ? support::to_json(*of_array) : "{}",
      node.configuration};
  std::string merged = defaults_of(node, users, array);
  for (const auto& layer : layers) merged = merge_json(merged, layer);
  return merge_json(merge_json(merged, merged_specs(layers)), identity_of(node));
}

}  // namespace jetpack::hub
