// The documented REST endpoints that nodes and schedulers use: clusters, nodes, scaling,
// operations, and the endpoint of old autostop scripts. Paths, members and status 202 are those of
// the public documentation; README.md decides what it leaves open.
#include "server/cluster_api.hpp"

#include <algorithm>
#include <charconv>
#include <unordered_map>

#include <jetpack/error.hpp>
#include "common/json.hpp"
#include "common/text.hpp"
#include "server/page_api.hpp"
#include "store/condition_table.hpp"
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
constexpr size_t max_key = 128;
constexpr int64_t max_operations = 100;

using Parts = std::vector<std::string_view>;

Parts split_path(std::string_view path) {
  Parts parts;
  while (path.starts_with('/')) {
    path.remove_prefix(1);
    const size_t slash = path.find('/');
    parts.push_back(path.substr(0, slash));
    path.remove_prefix(slash == std::string_view::npos ? path.size() : slash);
  }
  if (parts.size() > 1 && parts.back().empty()) parts.pop_back();  // "/operations/"
  return parts;
}

// Applies a change once for each key of the account: `work(Transaction&)` returns the response.
template <class Work>
Response once(Database& database, const Request& request, const char* doing, Work work) {
  if (request.key.size() > max_key)
    throw HttpError(400,
                    "the header Idempotency-Key exceeds the limit of " + std::to_string(max_key));
  return database.write(doing, [&](Transaction& transaction) {
    if (request.key.empty()) return work(transaction);
    if (const auto kept = find_response(transaction.session(), request.account, request.key))
      return Response{static_cast<int>(kept->status), kept->body};
    Response answer = work(transaction);
    store_response(transaction.session(), request.account, request.key,
                   {answer.status, answer.json});
    return answer;
  });
}

void require_cluster(SqlSession& session, const std::string& cluster) {
  if (list_clusters(session, cluster).empty())
    throw HttpError(404, "cluster '" + support::one_line(cluster) + "' not found");
}

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

[[noreturn]] void unknown_nodearray(SqlSession& session, const std::string& cluster,
                                    const std::string& name) {
  std::string known;
  for (const auto& array : list_nodearrays(session, cluster, now_ms()))
    known += (known.empty() ? "" : ", ") + array.name;
  throw HttpError(404, "cluster '" + cluster + "' has no node array '" + support::one_line(name) +
                           "'; it has: " + (known.empty() ? "none" : known));
}

Response scale(Database& database, const Request& request, const std::string& cluster,
               const std::string& nodearray) {
  require_method(request.method, "POST");
  require_sight(request.account, cluster);
  const auto cores = target_of(request.query, "totalCoreCount");
  const auto nodes = target_of(request.query, "totalNodeCount");
  if (cores.has_value() == nodes.has_value())
    throw HttpError(400, "exactly one of totalCoreCount and totalNodeCount is required");
  return once(database, request, "scaling a node array", [&](Transaction& transaction) {
    SqlSession& session = transaction.session();
    require_cluster(session, cluster);
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
                      object.list("sets", Parts{nodearray},
                                  [&](support::JsonWriter& writer, auto name) {
                                    support::Object set(writer);
                                    set.text("nodearray", name);
                                    if (cores) set.number("targetCoreCount", *cores);
                                    if (nodes) set.number("targetCount", *nodes);
                                  });
                    })};
  });
}

// ---- nodes: actions

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

// A node can act on itself only.
void require_own(const Account& account, const Selected& selected) {
  if (account.role == Role::admin) return;
  const bool is_own = std::all_of(selected.nodes.begin(), selected.nodes.end(),
                                  [&](const Node& node) { return node.name == account.node; });
  if (!is_own || !selected.unknown.empty())
    throw HttpError(403, "a node can only do this to itself, '" + account.node + "'");
}

std::string operation_answer(const Operation& operation) {
  return support::json_object([&](support::Object& object) {
    object.text("operationId", operation.id);
    object.list("nodes", operation.nodes,
                [](support::JsonWriter& writer, const OperationNode& node) {
                  support::Object(writer)
                      .text("id", node.node_id)
                      .text("name", node.node)
                      .text("status", node.status)
                      .text("error", node.error);
                });
  });
}

Response act(Database& database, const Request& request, const std::string& cluster,
             const std::string& action) {
  require_method(request.method, "POST");
  require_sight(request.account, cluster);
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
  operation.action = action;
  operation.reason = text_of_member(body, "reason", max_reason);
  operation.account = request.account.name;
  return once(database, request, "acting on nodes", [&](Transaction& transaction) {
    require_cluster(transaction.session(), cluster);
    const Selected selected = select_nodes(transaction.session(), cluster, selection);
    require_own(request.account, selected);
    return Response{202, operation_answer(operate(transaction, operation, selected))};
  });
}

// The endpoint of old scripts: they name an instance, with GET or POST, and expect 200.
Response stop(Database& database, const Request& request, const std::string& cluster) {
  if (request.method != "POST") require_method(request.method, "GET");
  require_sight(request.account, cluster);
  const std::string instance = parameter(request.query, "instance");
  if (instance.empty()) throw HttpError(400, "'instance' is missing");
  Operation operation;
  operation.cluster = cluster;
  operation.action = "terminate";
  operation.reason = stored_text(parameter(request.query, "reason"), max_reason);
  operation.account = request.account.name;
  NodeSelection selection;
  selection.instance_ids = {stored_text(instance, max_short)};
  return once(database, request, "stopping an instance", [&](Transaction& transaction) {
    require_cluster(transaction.session(), cluster);
    const Selected selected = select_nodes(transaction.session(), cluster, selection);
    if (selected.nodes.empty()) throw HttpError(404, selected.unknown.front().error);
    require_own(request.account, selected);
    return Response{200, operation_answer(operate(transaction, operation, selected))};
  });
}

// ---- nodes: listing

using ConditionsOfNode = std::unordered_map<std::string, std::vector<StoredCondition>>;

void write_rest_node(support::JsonWriter& writer, const Node& node, ConditionsOfNode& conditions,
                     int64_t now) {
  support::Object(writer)
      .text("Name", node.name)
      .text("Template", node.template_name)
      .text("Hostname", node.hostname)
      .text("PrivateIp", node.address)
      .text("Status", node.phase)
      .boolean("KeepAlive", is_kept_alive(node, now))
      .text("NodeId", node.node_id)
      .text("InstanceId", node.instance_id)
      .json("Configuration", node.configuration)
      .text("Phase", node.phase)
      .text("StatusMessage", node.status_message)
      .time("LastContact", node.last_contact)
      .list("Conditions", conditions[node.name],
            [](support::JsonWriter& inner, const StoredCondition& stored) {
              support::Object(inner)
                  .text("name", stored.condition.name)
                  .text("status", stored.condition.status)
                  .text("message", stored.condition.message)
                  .time("since", stored.since);
            });
}

void write_operation(support::JsonWriter& writer, const Operation& operation) {
  support::Object(writer)
      .text("operationId", operation.id)
      .text("requestId", operation.request_id)
      .text("cluster", operation.cluster)
      .text("action", operation.action)
      .text("reason", operation.reason)
      .text("requestedBy", operation.account)
      .time("created", operation.created)
      .text("status", "Done")
      .list("nodes", operation.nodes, [](support::JsonWriter& inner, const OperationNode& node) {
        support::Object(inner)
            .text("id", node.node_id)
            .text("name", node.node)
            .text("status", node.status)
            .text("error", node.error);
      });
}

// The nodes, or those of the operations if there are any, as a member of a response.
void write_nodes(SqlSession& session, support::Object& answer, const std::string& cluster,
                 const std::optional<std::vector<Operation>>& operations) {
  ConditionsOfNode conditions;
  for (auto& stored : list_conditions(session, {.cluster = cluster, .first = {}, .last = {}}))
    conditions[stored.node].push_back(std::move(stored));
  auto nodes = list_nodes(session, all_nodes_of(cluster));
  const auto is_meant = [&](const Node& node) {
    return std::any_of(operations->begin(), operations->end(), [&](const Operation& operation) {
      return std::any_of(operation.nodes.begin(), operation.nodes.end(),
                         [&](const OperationNode& named) { return named.node == node.name; });
    });
  };
  if (operations) std::erase_if(nodes, [&](const Node& node) { return !is_meant(node); });
  const int64_t now = now_ms();
  answer.list("nodes", nodes, [&](support::JsonWriter& writer, const Node& node) {
    write_rest_node(writer, node, conditions, now);
  });
}

Response list_cluster_nodes(Database& database, const Request& request,
                            const std::string& cluster) {
  require_method(request.method, "GET");
  require_sight(request.account, cluster);
  const std::string id = parameter(request.query, "operation"),
                    request_id = parameter(request.query, "request_id");
  return {200, database.read("reading nodes", [&](SqlSession& session) {
            require_cluster(session, cluster);
            std::optional<std::vector<Operation>> operations;
            if (!id.empty() || !request_id.empty())
              operations = list_operations(session, cluster, id, request_id, max_operations);
            return support::json_object([&](support::Object& object) {
              write_nodes(session, object, cluster, operations);
              if (operations) object.list("operations", *operations, write_operation);
            });
          })};
}

Response status_of_cluster(Database& database, const Request& request, const std::string& cluster) {
  require_method(request.method, "GET");
  require_sight(request.account, cluster);
  const bool with_nodes = parameter(request.query, "nodes") == "true";
  return {200, database.read("reading a cluster's status", [&](SqlSession& session) {
            require_cluster(session, cluster);
            const auto arrays = list_nodearrays(session, cluster, now_ms());
            return support::json_object([&](support::Object& object) {
              object.text("state", "Started")
                  .text("targetState", "Started")
                  .number("maxCount", max_target)
                  .number("maxCoreCount", max_target);
              object.list("nodearrays", arrays,
                          [](support::JsonWriter& writer, const NodeArray& array) {
                            support::Object(writer)
                                .text("name", array.name)
                                .json("nodearray", array.definition)
                                .number("targetCount", array.count)
                                .number("targetCoreCount", array.core_count)
                                .time("expires", array.expires);
                          });
              if (with_nodes) write_nodes(session, object, cluster, std::nullopt);
            });
          })};
}

Response answer_operations(Database& database, const Request& request, const std::string& id) {
  require_method(request.method, "GET");
  const auto operations = database.read("reading operations", [&](SqlSession& session) {
    return list_operations(session, request.account.cluster, id,
                           parameter(request.query, "request_id"), max_operations);
  });
  if (!id.empty() && operations.empty()) throw HttpError(404, "operation not found");
  rapidjson::StringBuffer out;
  support::JsonWriter writer(out);
  if (id.empty()) {
    support::Object(writer).list("operations", operations, write_operation);
  } else {
    write_operation(writer, operations.front());
  }
  return {200, {out.GetString(), out.GetSize()}};
}

}  // namespace

std::optional<Response> cluster_api_response(Database& database, const Request& request) {
  const Parts parts = split_path(request.path);
  const auto text = [&](size_t index) { return std::string(parts[index]); };
  const size_t size = parts.size();
  if (size >= 1 && size <= 2 && parts[0] == "operations")
    return answer_operations(database, request, size == 2 ? text(1) : "");
  if (size == 5 && parts[0] == "cloud" && parts[1] == "actions" && parts[2] == "autoscale" &&
      parts[4] == "stop")
    return stop(database, request, text(3));
  if (size < 3 || parts[0] != "clusters" || !is_name(parts[1])) return std::nullopt;
  if (size == 4 && parts[2] == "scale") return scale(database, request, text(1), text(3));
  if (size == 4 && parts[2] == "nodes" && is_action(parts[3]) && request.method == "POST")
    return act(database, request, text(1), text(3));
  if (size == 3 && parts[2] == "nodes") return list_cluster_nodes(database, request, text(1));
  if (size == 3 && parts[2] == "status") return status_of_cluster(database, request, text(1));
  return std::nullopt;
}

}  // namespace jetpack::hub
