// rest.cpp: see rest.hpp. Paths, members and status 202 are those of the public documentation; what
// it leaves open is decided in README.md.
#include "rest.hpp"

#include "api.hpp"
#include "condition_table.hpp"
#include "json.hpp"
#include "json_writer.hpp"
#include "node_table.hpp"
#include "operation_table.hpp"
#include "target_table.hpp"
#include "text.hpp"

#include <jetpack/error.hpp>

#include <algorithm>
#include <charconv>
#include <unordered_map>

namespace hub {

using jetpack::Errc;
using jetpack::Error;

namespace {

constexpr size_t max_selected = 10'000;
constexpr size_t max_short = 256;
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

// Makes a change once for each key of the account: `work(Transaction&)` gives the answer.
template <class Work>
Answer once(Database& database, const Request& request, const char* doing, Work work) {
  if (request.key.size() > max_key)
    throw Refusal(400, "the header Idempotency-Key is longer than " + std::to_string(max_key));
  return database.write(doing, [&](Transaction& transaction) {
    if (request.key.empty()) return work(transaction);
    if (const auto kept = find_answer(transaction.session(), request.account, request.key))
      return Answer{static_cast<int>(kept->status), kept->body};
    Answer answer = work(transaction);
    keep_answer(transaction.session(), request.account, request.key, {answer.status, answer.json});
    return answer;
  });
}

void require_cluster(Session& session, const std::string& cluster) {
  if (list_clusters(session, cluster).empty())
    throw Refusal(404, "there is no cluster '" + one_line(cluster) + "'");
}

// -- scaling --------------------------------------------------------------------------------------

std::optional<int64_t> target_of(const Parameters& query, const char* name) {
  const std::string text = parameter(query, name);
  if (text.empty()) return std::nullopt;
  int64_t number = -1;
  const char* end = text.data() + text.size();
  const auto [rest, failure] = std::from_chars(text.data(), end, number);
  if (failure != std::errc{} || rest != end || number < 0 || number > max_target)
    throw Refusal(400, "'" + std::string(name) + "' must be a whole number from 0 to " +
                           std::to_string(max_target));
  return number;
}

[[noreturn]] void unknown_nodearray(Session& session, const std::string& cluster,
                                    const std::string& name) {
  std::string known;
  for (const auto& array : list_nodearrays(session, cluster, now_ms()))
    known += (known.empty() ? "" : ", ") + array.name;
  throw Refusal(404, "cluster '" + cluster + "' has no node array '" + one_line(name) +
                         "'; it has: " + (known.empty() ? "none" : known));
}

Answer scale(Database& database, const Request& request, const std::string& cluster,
             const std::string& nodearray) {
  require_method(request.method, "POST");
  require_sight(request.account, cluster);
  const auto cores = target_of(request.query, "totalCoreCount");
  const auto nodes = target_of(request.query, "totalNodeCount");
  if (cores.has_value() == nodes.has_value())
    throw Refusal(400, "give one of totalCoreCount and totalNodeCount");
  return once(database, request, "scaling a node array", [&](Transaction& transaction) {
    Session& session = transaction.session();
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
    return Answer{202, json_object([&](Object& object) {
                    object.text("operationId", operation.id);
                    object.text("operationLocation", "/operations/" + operation.id);
                    object.list("sets", Parts{nodearray}, [&](JsonWriter& writer, auto name) {
                      Object set(writer);
                      set.text("nodearray", name);
                      if (cores) set.number("targetCoreCount", *cores);
                      if (nodes) set.number("targetCount", *nodes);
                    });
                  })};
  });
}

// -- nodes: actions -------------------------------------------------------------------------------

std::vector<std::string> texts_of(const rapidjson::Value& body, const char* name) {
  std::vector<std::string> texts;
  const auto* member = find_member(body, name);
  if (member == nullptr || member->IsNull()) return texts;
  if (!member->IsArray() || member->Size() > max_selected)
    throw Refusal(400, "'" + std::string(name) + "' must be an array of at most " +
                           std::to_string(max_selected) + " strings");
  for (const auto& element : member->GetArray()) {
    if (!element.IsString())
      throw Refusal(400, "'" + std::string(name) + "' must be an array of strings");
    texts.push_back(stored_text(text_of(element), max_short));
  }
  return texts;
}

rapidjson::Document parse_body(const std::string& body) {
  rapidjson::Document document = parse_json(body.empty() ? "{}" : std::string_view(body));
  if (document.HasParseError() || !document.IsObject())
    throw Refusal(400, "the body must be a JSON object");
  return document;
}

// A node acts for itself alone.
void require_own(const Account& account, const Selected& selected) {
  if (account.role == Role::admin) return;
  const bool is_own = std::all_of(selected.nodes.begin(), selected.nodes.end(),
                                  [&](const Node& node) { return node.name == account.node; });
  if (!is_own || !selected.unknown.empty())
    throw Refusal(403, "a node may ask this for itself alone, which is '" + account.node + "'");
}

std::string operation_answer(const Operation& operation) {
  return json_object([&](Object& object) {
    object.text("operationId", operation.id);
    object.list("nodes", operation.nodes, [](JsonWriter& writer, const OperationNode& node) {
      Object(writer)
          .text("id", node.node_id)
          .text("name", node.node)
          .text("status", node.status)
          .text("error", node.error);
    });
  });
}

Answer act(Database& database, const Request& request, const std::string& cluster,
           const std::string& action) {
  require_method(request.method, "POST");
  require_sight(request.account, cluster);
  const auto body = parse_body(request.body);
  if (const auto* filter = find_member(body, "filter");
      filter != nullptr && filter->IsString() && filter->GetStringLength() > 0)
    throw Refusal(400, "'filter' is not supported; name the nodes");
  const NodeSelection selection{texts_of(body, "names"),
                                texts_of(body, "ids"),
                                texts_of(body, "hostnames"),
                                texts_of(body, "ip_addresses"),
                                {}};
  if (selection.empty())
    throw Refusal(400, "name the nodes: names, ids, hostnames or ip_addresses");
  Operation operation;
  operation.request_id = text_of_member(body, "requestId", max_short);
  operation.cluster = cluster;
  operation.action = action;
  operation.reason = text_of_member(body, "reason", max_short);
  operation.account = request.account.name;
  return once(database, request, "acting on nodes", [&](Transaction& transaction) {
    require_cluster(transaction.session(), cluster);
    const Selected selected = select_nodes(transaction.session(), cluster, selection);
    require_own(request.account, selected);
    return Answer{202, operation_answer(operate(transaction, operation, selected))};
  });
}

// The address of old scripts: they ask by instance, with GET or POST, and expect 200.
Answer stop(Database& database, const Request& request, const std::string& cluster) {
  if (request.method != "POST") require_method(request.method, "GET");
  require_sight(request.account, cluster);
  const std::string instance = parameter(request.query, "instance");
  if (instance.empty()) throw Refusal(400, "'instance' is missing");
  Operation operation;
  operation.cluster = cluster;
  operation.action = "terminate";
  operation.reason = stored_text(parameter(request.query, "reason"), max_short);
  operation.account = request.account.name;
  NodeSelection selection;
  selection.instance_ids = {stored_text(instance, max_short)};
  return once(database, request, "stopping an instance", [&](Transaction& transaction) {
    require_cluster(transaction.session(), cluster);
    const Selected selected = select_nodes(transaction.session(), cluster, selection);
    if (selected.nodes.empty()) throw Refusal(404, selected.unknown.front().error);
    require_own(request.account, selected);
    return Answer{200, operation_answer(operate(transaction, operation, selected))};
  });
}

// -- nodes: what there is -------------------------------------------------------------------------

using ConditionsOfNode = std::unordered_map<std::string, std::vector<StoredCondition>>;

void write_rest_node(JsonWriter& writer, const Node& node, ConditionsOfNode& conditions,
                     int64_t now) {
  Object(writer)
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
            [](JsonWriter& inner, const StoredCondition& stored) {
              Object(inner)
                  .text("name", stored.condition.name)
                  .text("status", stored.condition.status)
                  .text("message", stored.condition.message)
                  .time("since", stored.since);
            });
}

void write_operation(JsonWriter& writer, const Operation& operation) {
  Object(writer)
      .text("operationId", operation.id)
      .text("requestId", operation.request_id)
      .text("cluster", operation.cluster)
      .text("action", operation.action)
      .text("reason", operation.reason)
      .text("requestedBy", operation.account)
      .time("created", operation.created)
      .text("status", "Done")
      .list("nodes", operation.nodes, [](JsonWriter& inner, const OperationNode& node) {
        Object(inner)
            .text("id", node.node_id)
            .text("name", node.node)
            .text("status", node.status)
            .text("error", node.error);
      });
}

// The nodes, of the operations if there are any, as a member of an answer.
void write_nodes(Session& session, Object& answer, const std::string& cluster,
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
  answer.list("nodes", nodes, [&](JsonWriter& writer, const Node& node) {
    write_rest_node(writer, node, conditions, now);
  });
}

Answer list_cluster_nodes(Database& database, const Request& request, const std::string& cluster) {
  require_method(request.method, "GET");
  require_sight(request.account, cluster);
  const std::string id = parameter(request.query, "operation"),
                    request_id = parameter(request.query, "request_id");
  return {200, database.read("reading nodes", [&](Session& session) {
            require_cluster(session, cluster);
            std::optional<std::vector<Operation>> operations;
            if (!id.empty() || !request_id.empty())
              operations = list_operations(session, cluster, id, request_id, max_operations);
            return json_object([&](Object& object) {
              write_nodes(session, object, cluster, operations);
              if (operations) object.list("operations", *operations, write_operation);
            });
          })};
}

Answer status_of_cluster(Database& database, const Request& request, const std::string& cluster) {
  require_method(request.method, "GET");
  require_sight(request.account, cluster);
  const bool with_nodes = parameter(request.query, "nodes") == "true";
  return {200, database.read("reading a cluster's status", [&](Session& session) {
            require_cluster(session, cluster);
            const auto arrays = list_nodearrays(session, cluster, now_ms());
            return json_object([&](Object& object) {
              object.text("state", "Started")
                  .text("targetState", "Started")
                  .number("maxCount", max_target)
                  .number("maxCoreCount", max_target);
              object.list("nodearrays", arrays, [](JsonWriter& writer, const NodeArray& array) {
                Object(writer)
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

Answer answer_operations(Database& database, const Request& request, const std::string& id) {
  require_method(request.method, "GET");
  const auto operations = database.read("reading operations", [&](Session& session) {
    return list_operations(session, request.account.cluster, id,
                           parameter(request.query, "request_id"), max_operations);
  });
  if (!id.empty() && operations.empty()) throw Refusal(404, "there is no such operation");
  rapidjson::StringBuffer out;
  JsonWriter writer(out);
  if (id.empty()) {
    Object(writer).list("operations", operations, write_operation);
  } else {
    write_operation(writer, operations.front());
  }
  return {200, {out.GetString(), out.GetSize()}};
}

}  // namespace

std::optional<Answer> answer_rest(Database& database, const Request& request) {
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

}  // namespace hub
