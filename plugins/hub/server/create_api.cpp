// POST /clusters/C/nodes/create, as the public documentation has it.
#include "server/create_api.hpp"

#include <algorithm>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include "common/json.hpp"
#include "common/text.hpp"
#include "server/cluster_api.hpp"
#include "server/once.hpp"
#include "server/operations_api.hpp"
#include "server/routes.hpp"
#include "store/node_creation.hpp"
#include "store/target_table.hpp"
#include "support/json_writer.hpp"

namespace jetpack::hub {

namespace {

constexpr size_t max_field = 256;
constexpr size_t max_attributes = 16 << 10;  // of each of many nodes
constexpr size_t max_sets = 100;

// An object among the members, or nullptr.
const rapidjson::Value* object_of(const rapidjson::Value& parent, const char* name) {
  const auto* member = support::find_member(parent, name);
  if (member == nullptr || member->IsNull()) return nullptr;
  if (!member->IsObject()) throw HttpError(400, "'" + std::string(name) + "' must be an object");
  return member;
}

// What is to be known of the machines, for those who start them. The attribute Configuration is apart.
std::string properties_of(const rapidjson::Value& object, const rapidjson::Value* attributes) {
  return support::json_object([&](support::Object& properties) {
    if (const auto* definition = object_of(object, "definition"))
      if (const auto type = text_of_member(*definition, "machineType", max_field); !type.empty())
        properties.text("machineType", type);
    if (const auto group = text_of_member(object, "placementGroupId", max_field); !group.empty())
      properties.text("placementGroupId", group);
    if (attributes == nullptr) return;
    for (const auto& [name, value] : attributes->GetObject())
      if (const auto key = support::text_of(name);
          key != "Configuration" && key != "machineType" && key != "placementGroupId")
        properties.json(support::text_of(name), support::to_json(value));
  });
}

NodeSet read_set(const rapidjson::Value& object) {
  if (!object.IsObject()) throw HttpError(400, "'sets' must be an array of objects");
  NodeSet set;
  set.nodearray = text_of_member(object, "nodearray", max_field);
  if (!is_nodearray_name(set.nodearray))
    throw HttpError(400, "'nodearray' must be the name of a node array");
  set.count = count_of(object, "count").value_or(1);
  set.name_format = text_of_member(object, "nameFormat", max_field);
  if (set.name_format.empty()) set.name_format = set.nodearray + "-%d";
  std::replace(set.name_format.begin(), set.name_format.end(), ':', '-');  // of execute:64
  set.name_offset = count_of(object, "nameOffset").value_or(0);
  const auto* attributes = object_of(object, "nodeAttributes");
  set.properties = properties_of(object, attributes);
  if (attributes != nullptr)
    if (const auto* configuration = object_of(*attributes, "Configuration"))
      set.configuration = support::to_json(*configuration);
  if (set.properties.size() + set.configuration.size() > max_attributes)
    throw HttpError(400, "the attributes of a node exceed the limit of " +
                             std::to_string(max_attributes) + " bytes");
  return set;
}

std::vector<NodeSet> read_sets(const rapidjson::Value& body) {
  const auto* sets = support::find_member(body, "sets");
  if (sets == nullptr || !sets->IsArray() || sets->Empty() || sets->Size() > max_sets)
    throw HttpError(400, "'sets' must be an array of 1 to " + std::to_string(max_sets));
  std::vector<NodeSet> all;
  int64_t count = 0;
  for (const auto& object : sets->GetArray()) {
    all.push_back(read_set(object));
    count += all.back().count;
  }
  if (count < 1 || count > max_created)
    throw HttpError(400, "one request creates 1 to " + std::to_string(max_created) +
                             " nodes; this one has " + std::to_string(count));
  return all;
}

void require_nodearray(SqlSession& session, const std::string& cluster, const std::string& name) {
  const auto arrays = list_nodearrays(session, cluster, now_ms());
  if (std::none_of(arrays.begin(), arrays.end(),
                   [&](const NodeArray& array) { return array.name == name; }))
    unknown_nodearray(session, cluster, name);
}

}  // namespace

Response create_nodes_of_sets(const Scene& scene, const Request& request) {
  const std::string& cluster = request.names[0];
  const auto body = parse_object(request.body);
  if (!body) throw HttpError(400, "the body must be a JSON object");
  const auto sets = read_sets(*body);
  Operation operation;
  operation.request_id = text_of_member(*body, "requestId", max_field);
  operation.cluster = cluster;
  operation.action = "create";
  operation.account = request.account.name;
  return once(scene.database, request, "creating nodes", [&](Transaction& transaction) {
    SqlSession& session = transaction.session();
    require_known_cluster(session, cluster);
    require_new_request(session, operation);
    NodeSelection created;
    for (const auto& set : sets) {
      require_nodearray(session, cluster, set.nodearray);
      std::ranges::move(create_nodes(transaction, cluster, set), std::back_inserter(created.names));
    }
    operation = operate(transaction, operation, select_nodes(session, cluster, created));
    return Response{202, support::json_object([&](support::Object& object) {
                      object.text("operationId", operation.id);
                      object.list("sets", sets,
                                  [](support::JsonWriter& writer, const NodeSet& set) {
                                    support::Object(writer).number("added", set.count);
                                  });
                    })};
  });
}

}  // namespace jetpack::hub
