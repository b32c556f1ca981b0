// The documented REST endpoints that nodes and schedulers use: clusters, nodes, scaling, and the
// endpoint of old autostop scripts. Paths, members and status 202 are those of the public
// documentation; README.md decides what it leaves open.
#include "server/cluster_api.hpp"

#include <algorithm>
#include <charconv>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include <jetpack/error.hpp>
#include "common/json.hpp"
#include "common/text.hpp"
#include "server/once.hpp"
#include "server/operations_api.hpp"
#include "server/routes.hpp"
#include "store/condition_table.hpp"
#include "store/contact_table.hpp"
#include "store/node_table.hpp"
#include "store/operation_table.hpp"
#include "store/target_table.hpp"
#include "support/json.hpp"
#include "support/json_writer.hpp"
#include "support/text.hpp"

namespace jetpack::hub {

namespace {

constexpr size_t max_selected = 10'000;
constexpr size_t max_short = 256;
constexpr size_t max_reason = 4096;

// ---- scaling

std::optional<int64_t> target_of(const Parameters& query, const char* name) {
  const std::string text = parameter(query, name);
  if (text.empty()) return std::nullopt;
  int64_t number = -1;
  const char* end = text.data() + text.size();
  const auto [rest, failure] = std::from_chars(text.data(), end, number);
  if (failure != std::errc{} || rest != end || number < 0 || number > max_target)
    throw HttpError(400, "'" + std::string(name) + "' must be a whole number from 0 to " +
                             std::to_string(max_target));
  return number;
}

}  // namespace

void require_known_cluster(SqlSession& session, const std::string& cluster) {
  if (list_clusters(session, cluster).empty())
    throw HttpError(404, "cluster '" + support::one_line(cluster) + "' not found");
}

void unknown_nodearray(SqlSession& session, const std::string& cluster, const std::string& name) {
  std::string known;
  for (const auto& array : list_nodearrays(session, cluster, now_ms()))
    known += (known.empty() ? "" : ", ") + array.name;
  throw HttpError(404, "cluster '" + cluster + "' has no node array '" + support::one_line(name) +
                           "'; it has: " + (known.empty() ? "none" : known));
}

Response scale(const Scene& scene, const Request& request) {
  const std::string &cluster = request.names[0], &nodearray = request.names[1];
  const auto cores = target_of(request.query, "totalCoreCount");
  const auto nodes = target_of(request.query, "totalNodeCount");
  if (cores.has_value() == nodes.has_value())
    throw HttpError(400, "exactly one of totalCoreCount and totalNodeCount is required");
  return once(scene.database, request, "scaling a node array", [&](Transaction& transaction) {
    SqlSession& session = transaction.session();
    require_known_cluster(session, cluster);
    if (!scale_nodearray(transaction, cluster, nodearray, nodes, cores, now_ms()))
      unknown_nodearray(session, cluster, nodearray);
    Operation operation;
    operation.request_id = request.key;
    operation.cluster = cluster;
    operation.action = "scale";
    operation.reason =
        nodearray + " to " +
        (cores ? std::to_string(*cores) + " cores" : std::to_string(*nodes) + " nodes");
    operation.account = request.account.name;
    operation = operate(transaction, operation, {});
    return Response{202, support::json_object([&](support::Object& object) {
                      object.text("operationId", operation.id);
                      object.text("operationLocation", "/operations/" + operation.id);
                      object.list("sets", std::vector{nodearray},
                                  [&](support::JsonWriter& writer, auto name) {
                                    support::Object set(writer);
                                    set.text("nodearray", name).number("added", 0);
                                    if (cores) set.number("targetCoreCount", *cores);
                                    if (nodes) set.number("targetCount", *nodes);
                                  });
                    })};
  });
}

// ---- nodes: actions

namespace {

std::vector<std::string> texts_of(const rapidjson::Value& body, const char* name) {
  std::vector<std::string> texts;
  const auto* member = support::find_member(body, name);
  if (member == nullptr || member->IsNull()) return texts;
  if (!member->IsArray() || member->Size() > max_selected)
    throw HttpError(400, "'" + std::string(name) + "' must be an array of at most " +
                             std::to_string(max_selected) + " strings");
  for (const auto& element : member->GetArray()) {
    if (!support::is_string(element))
      throw HttpError(400, "'" + std::string(name) + "' must be an array of strings");
    texts.push_back(stored_text(support::text_of(element), max_short));
  }
  return texts;
}

rapidjson::Document parse_body(const std::string& body) {
  auto document = parse_object(body.empty() ? "{}" : std::string_view(body));
  if (!document) throw HttpError(400, "the body must be a JSON object");
  return *std::move(document);
}

// A node that is no scheduler can act on itself only. What names it is compared with what the hub
// knows of it alone: another node that claims its host name or address changes nothing.
void require_own(SqlSession& session, const Request& request, const NodeSelection& selection) {
  if (request.reach != Reach::self) return;
  const auto own = find_node(session, request.account.cluster, request.account.node);
  const auto is_own = [&](const std::vector<std::string>& wanted, std::string Node::*member) {
    return std::all_of(wanted.begin(), wanted.end(), [&](const std::string& value) {
      return own && !value.empty() && value == (*own).*member;
    });
  };
  if (!is_own(selection.names, &Node::name) || !is_own(selection.ids, &Node::node_id) ||
      !is_own(selection.hostnames, &Node::hostname) ||
      !is_own(selection.addresses, &Node::address) ||
      !is_own(selection.instance_ids, &Node::instance_id))
    throw HttpError(403, "a node can only do this to itself, '" + request.account.node + "'");
}

// The nodes that an account may act on, of those selected.
Selected select_own(SqlSession& session, const Request& request, const std::string& cluster,
                    const NodeSelection& selection) {
  require_own(session, request, selection);
  if (request.reach != Reach::self) return select_nodes(session, cluster, selection);
  NodeSelection itself;
  itself.names = {request.account.node};
  return select_nodes(session, cluster, itself);
}

}  // namespace

Response act(const Scene& scene, const Request& request) {
  const std::string& cluster = request.names[0];
  const auto body = parse_body(request.body);
  if (const auto* filter = support::find_member(body, "filter");
      filter != nullptr && support::is_string(*filter) && filter->GetStringLength() > 0)
    throw HttpError(
        400, "'filter' is not supported; select nodes by names, ids, hostnames or ip_addresses");
  const NodeSelection selection{texts_of(body, "names"),
                                texts_of(body, "ids"),
                                texts_of(body, "hostnames"),
                                texts_of(body, "ip_addresses"),
                                {}};
  if (selection.empty())
    throw HttpError(400, "no nodes selected: use names, ids, hostnames or ip_addresses");
  Operation operation;
  operation.request_id = text_of_member(body, "requestId", max_short);
  operation.cluster = cluster;
  operation.action = request.path.substr(request.path.rfind('/') + 1);
  operation.reason = text_of_member(body, "reason", max_reason);
  operation.account = request.account.name;
  return once(scene.database, request, "acting on nodes", [&](Transaction& transaction) {
    require_known_cluster(transaction.session(), cluster);
    require_new_request(transaction.session(), operation);
    const Selected selected = select_own(transaction.session(), request, cluster, selection);
    return Response{202, operation_answer(operate(transaction, operation, selected))};
  });
}

// The endpoint of old scripts: they name an instance, with GET or POST, and expect 200.
Response stop(const Scene& scene, const Request& request) {
  const std::string& cluster = request.names[0];
  const std::string instance = parameter(request.query, "instance");
  if (instance.empty()) throw HttpError(400, "'instance' is missing");
  Operation operation;
  operation.cluster = cluster;
  operation.action = "terminate";
  operation.reason = stored_text(parameter(request.query, "reason"), max_reason);
  operation.account = request.account.name;
  NodeSelection selection;
  selection.instance_ids = {stored_text(instance, max_short)};
  return once(scene.database, request, "stopping an instance", [&](Transaction& transaction) {
    require_known_cluster(transaction.session(), cluster);
    const Selected selected = select_own(transaction.session(), request, cluster, selection);
    if (selected.nodes.empty()) throw HttpError(404, selected.unknown.front().error);
    return Response{200, operation_answer(operate(transaction, operation, selected))};
  });
}

// ---- nodes: listing

namespace {

using ConditionsOfNode = std::unordered_map<std::string, std::vector<StoredCondition>>;

// What the machine is doing, and is to do, in the words of the documentation.
std::string_view state_of_machine(const Node& node) {
  if (node.phase == phase::ready) return "Started";
  if (node.phase == phase::installing) return phase::preparing;
  if (node.phase == phase::stopping)
    return node.ending == phase::off ? "Deallocating" : "Terminating";
  return node.phase;
}

std::string_view target_state_of(const Node& node) {
  const std::string& end = node.phase == phase::stopping ? node.ending : node.phase;
  return end == phase::terminated ? phase::terminated
         : end == phase::off      ? "Deallocated"
                                  : "Started";
}

// Of the machine that was wanted, or else of the one that is there.
void write_machine(support::Object& object, const Node& node) {
  const auto properties = parse_object(node.properties);
  if (!properties) return;
  std::string type = support::text_or(*properties, "machineType", "");
  if (const auto* azure = support::find_member(*properties, "azure");
      type.empty() && azure != nullptr && azure->IsObject())
    type = support::text_or(*azure, "vm_size", "");
  if (!type.empty()) object.text("MachineType", type);
  if (const auto group = support::text_or(*properties, "placementGroupId", ""); !group.empty())
    object.text("PlacementGroupId", group);
  if (const auto* cores = support::find_member(*properties, "cores");
      cores != nullptr && cores->IsInt64())
    object.number("CoreCount", cores->GetInt64());
}

void write_rest_node(support::JsonWriter& writer, const Node& node, const NodeContact& contact,
                     ConditionsOfNode& conditions, const Account& reader, int64_t now) {
  support::Object object(writer);
  object.text("Name", node.name)
      .text("Template", node.template_name)
      .text("Hostname", node.hostname)
      .text("PrivateIp", node.address)
      .text("Status", node.phase)
      .text("State", state_of_machine(node))
      .text("TargetState", target_state_of(node))
      .boolean("KeepAlive", is_kept_alive(node, now))
      .text("NodeId", node.node_id)
      .text("InstanceId", node.instance_id)
      .text("Phase", node.phase)
      .text("StatusMessage", node.status_message)
      .time("LastContact", last_contact_of(node, contact))
      .list("Conditions", conditions[node.name],
            [](support::JsonWriter& inner, const StoredCondition& stored) {
              support::Object(inner)
                  .text("name", stored.condition.name)
                  .text("status", stored.condition.status)
                  .text("message", stored.condition.message)
                  .time("since", stored.since);
            });
  if (sees_properties(reader, node.name)) write_machine(object, node);
  if (sees_configuration(reader, node.name)) object.json("Configuration", node.configuration);
}

// The nodes, or those of an operation, as a member of a response.
void write_nodes(SqlSession& session, support::Object& answer, const Request& request,
                 const Operation* operation) {
  const std::string& cluster = request.names[0];
  ConditionsOfNode conditions;
  for (auto& stored : list_conditions(session, {.cluster = cluster, .first = {}, .last = {}}))
    conditions[stored.node].push_back(std::move(stored));
  auto contacts = contacts_between(session, cluster);
  auto nodes = list_nodes(session, all_nodes_of(cluster));
  if (operation != nullptr) {
    // By id: another node may have got the name since.
    std::unordered_set<std::string_view> meant;
    for (const auto& named : operation->nodes) meant.insert(named.node_id);
    std::erase_if(nodes, [&](const Node& node) { return !meant.contains(node.node_id); });
  }
  const int64_t now = now_ms();
  answer.list("nodes", nodes, [&](support::JsonWriter& writer, const Node& node) {
    write_rest_node(writer, node, contacts[node.name], conditions, request.account, now);
  });
}

// The definition as the account may see it: what configures nodes is for the array's own, too.
std::string shown_definition(const NodeArray& array, const Account& reader,
                             std::string_view own_array) {
  if (sees_configuration(reader, "") || (reader.role == Role::node && array.name == own_array))
    return array.definition;
  auto definition = parse_object(array.definition);
  if (!definition) return "{}";
  definition->RemoveMember("Configuration");
  return support::to_json(*definition);
}

// The node array of the account's node.
std::string own_array_of(SqlSession& session, const Account& account) {
  if (account.role != Role::node) return {};
  const auto node = find_node(session, account.cluster, account.node);
  return node ? node->template_name : "";
}

}  // namespace

Response list_cluster_nodes(const Scene& scene, const Request& request) {
  const std::string& cluster = request.names[0];
  const std::string id = parameter(request.query, "operation"),
                    request_id = parameter(request.query, "request_id");
  return {200, scene.database.read("reading nodes", [&](SqlSession& session) {
            require_known_cluster(session, cluster);
            std::optional<Operation> operation;
            if (!id.empty() || !request_id.empty())
              operation = find_operation(session, cluster, id, request_id);
            return support::json_object([&](support::Object& object) {
              write_nodes(session, object, request, operation ? &*operation : nullptr);
              if (operation)
                object.object("operation",
                              [&](support::Object& inner) { write_operation(inner, *operation); });
            });
          })};
}

Response status_of_cluster(const Scene& scene, const Request& request) {
  const std::string& cluster = request.names[0];
  const bool with_nodes = parameter(request.query, "nodes") == "true";
  return {200, scene.database.read("reading a cluster's status", [&](SqlSession& session) {
            require_known_cluster(session, cluster);
            const auto arrays = list_nodearrays(session, cluster, now_ms());
            const std::string own_array = own_array_of(session, request.account);
            return support::json_object([&](support::Object& object) {
              object.text("state", "Started")
                  .text("targetState", "Started")
                  .number("maxCount", max_target)
                  .number("maxCoreCount", max_target);
              object.list(
                  "nodearrays", arrays, [&](support::JsonWriter& writer, const NodeArray& array) {
                    support::Object(writer)
                        .text("name", array.name)
                        .json("nodearray", shown_definition(array, request.account, own_array))
                        .number("targetCount", array.count)
                        .number("targetCoreCount", array.core_count)
                        .time("expires", array.expires);
                  });
              if (with_nodes) write_nodes(session, object, request, nullptr);
            });
          })};
}

}  // namespace jetpack::hub
