// Properties of nodes for the cluster page: which there are, and some of them in lists of nodes.
#include "server/properties_api.hpp"

#include <map>
#include <optional>
#include <set>

#include <jetpack/error.hpp>
#include "common/json.hpp"
#include "support/json.hpp"
#include "support/json_writer.hpp"

namespace jetpack::hub {

namespace json = rapidjson;

namespace {

constexpr size_t max_keys = 1000;
constexpr size_t max_values = 200;  // of a key that are counted
constexpr size_t max_depth = 8;
constexpr size_t max_value = 200;  // a longer text groups nothing
constexpr int64_t max_nodes = 10'000;

// A value as a text; nullopt for objects, arrays, null and what is too long.
std::optional<std::string> value_text(const json::Value& value) {
  if (value.IsObject() || value.IsArray() || value.IsNull()) return std::nullopt;
  const std::string text(support::is_string(value) ? std::string(support::text_of(value))
                                                   : support::to_json(value));
  if (text.empty() || text.size() > max_value) return std::nullopt;
  return text;
}

const json::Value* find_property(const json::Value& all, std::string_view key) {
  // A member may have a dot in its name.
  if (const auto* whole = support::find_member(all, key)) return whole;
  const size_t dot = key.find('.');
  if (dot == std::string_view::npos) return nullptr;
  const auto* member = support::find_member(all, key.substr(0, dot));
  if (member == nullptr || !member->IsObject()) return nullptr;
  return find_property(*member, key.substr(dot + 1));
}

struct Usage {
  int64_t nodes = 0;
  std::set<std::string> values;
};
using AllKnown = std::map<std::string, Usage>;

void collect(const json::Value& value, const std::string& path, size_t depth, AllKnown& all) {
  for (const auto& member : value.GetObject()) {
    const std::string key =
        (path.empty() ? "" : path + ".") + std::string(support::text_of(member.name));
    if (member.value.IsObject() && depth < max_depth) {
      collect(member.value, key, depth + 1, all);
      continue;
    }
    const auto text = value_text(member.value);
    if (!text || (all.size() >= max_keys && !all.contains(key))) continue;
    Usage& known = all[key];
    ++known.nodes;
    if (known.values.size() < max_values) known.values.insert(*text);
  }
}

}  // namespace

std::vector<std::string> property_keys(std::string_view text) {
  std::vector<std::string> keys;
  while (!text.empty()) {
    const size_t comma = text.find(',');
    if (comma != 0) keys.emplace_back(text.substr(0, comma));
    text.remove_prefix(comma == std::string_view::npos ? text.size() : comma + 1);
  }
  return keys;
}

std::string chosen_properties(const std::string& properties, const std::vector<std::string>& keys) {
  const auto all = parse_object(properties);
  return support::json_object([&](support::Object& object) {
    if (!all) return;
    for (const auto& key : keys)
      if (const auto* found = find_property(*all, key))
        if (const auto text = value_text(*found)) object.text(key, *text);
  });
}

std::string answer_properties(SqlSession& session, const Query& query) {
  if (query.cluster.empty()) throw Error(Errc::usage, "'cluster' is required");
  AllKnown all;
  for (const auto& node : list_nodes(session, {query.cluster, "", max_nodes, ""}))
    if (const auto properties = parse_object(node.properties)) collect(*properties, "", 0, all);
  return support::json_object([&](support::Object& object) {
    object.list("properties", all, [](support::JsonWriter& writer, const auto& entry) {
      support::Object(writer)
          .text("key", entry.first)
          .number("nodes", entry.second.nodes)
          .number("values", static_cast<int64_t>(entry.second.values.size()));
    });
  });
}

}  // namespace jetpack::hub
