#include "server/nodes_api.hpp"

#include <unordered_map>
#include <utility>

#include <jetpack/error.hpp>
#include "server/given_configuration.hpp"
#include "server/properties_api.hpp"
#include "server/routes.hpp"
#include "store/contact_table.hpp"
#include "store/converge_table.hpp"
#include "store/history_table.hpp"
#include "store/operation_table.hpp"
#include "support/json_writer.hpp"

namespace jetpack::hub {

namespace {

constexpr int64_t recent = 50;           // events and operations of a node
constexpr int64_t recent_changes = 500;  // of a node, as many as a day of flapping has

// A condition in a list of nodes; with all of its texts on the node's own page.
void write_condition(support::JsonWriter& writer, const StoredCondition& stored, bool with_texts) {
  const Condition& condition = stored.condition;
  support::Object object(writer);
  object.text("name", condition.name)
      .text("status", condition.status)
      .text("message", condition.message)
      .time("since", stored.since);
  if (!with_texts) return;
  object.time("updated", stored.updated)
      .text("description", condition.description)
      .text("recommendations", condition.recommendations)
      .text("details", condition.details)
      .text("action_type", condition.action_type)
      .text("ghr_category", condition.ghr_category);
}

void write_node(support::Object& object, const Node& node, const NodeContact& contact) {
  object.text("cluster", node.cluster)
      .text("name", node.name)
      .text("node_id", node.node_id)
      .text("nodearray", node.template_name)
      .text("state", state_of(node, contact))
      .text("phase", node.phase)
      .time("phase_since", node.phase_since)
      .text("status_message", node.status_message)
      .text("instance_id", node.instance_id)
      .text("hostname", node.hostname)
      .text("address", node.address)
      .text("version", node.version)
      .time("first_contact", node.first_contact)
      .time("last_contact", last_contact_of(node, contact))
      .time("booted", contact.booted)
      .number("poll_interval", contact.poll_ms / 1000);
  if (node.keepalive_until == keepalive_forever) {
    object.text("keepalive_until", "forever");
  } else {
    object.time("keepalive_until", node.keepalive_until);
  }
  if (node.last_request.empty()) {
    object.null("last_request");
  } else {
    object.json("last_request", node.last_request);
  }
}

void write_converge(support::Object& object, const StoredConverge& converge) {
  object.text("run", converge.run)
      .text("mode", converge.mode)
      .text("status", converge.status)
      .text("message", converge.message)
      .time("started", converge.started)
      .time("updated", converge.updated)
      .list("steps", converge.steps, [](support::JsonWriter& writer, const ConvergeStep& step) {
        support::Object(writer)
            .number("number", step.number)
            .text("name", step.name)
            .text("project", step.project)
            .text("spec", step.spec)
            .text("script", step.script)
            .text("status", step.status)
            .number("duration_ms", step.duration_ms)
            .number("return_code", step.return_code)
            .text("output", step.output);
      });
}

using ConditionsOfNode = std::unordered_map<std::string, std::vector<StoredCondition>>;

// Of the nodes of a cluster from the first to the last in the list.
ConditionsOfNode conditions_between(SqlSession& session, const std::string& cluster,
                                    const std::string& first, const std::string& last) {
  ConditionsOfNode conditions;
  for (auto& stored : list_conditions(session, {cluster, first, last}))
    conditions[stored.node].push_back(std::move(stored));
  return conditions;
}

void write_change(support::JsonWriter& writer, const NodeChange& change) {
  support::Object(writer)
      .time("time", change.time)
      .text("what", change.what)
      .text("name", change.name)
      .text("status", change.status)
      .text("message", change.message);
}

}  // namespace

std::string answer_nodes(SqlSession& session, const Query& query) {
  const int64_t limit = query.has_limit ? query.range.limit : max_listed;
  if (!query.after_name.empty() && query.cluster.empty())
    throw Error(Errc::usage, "'after_name' needs 'cluster'");
  const auto nodes =
      list_nodes(session, {query.cluster, query.after_name, limit, query.filter.text});
  std::unordered_map<std::string, ConditionsOfNode> conditions;
  std::unordered_map<std::string, std::unordered_map<std::string, NodeContact>> contacts;
  for (size_t first = 0; first < nodes.size();) {
    size_t last = first;
    while (last + 1 < nodes.size() && nodes[last + 1].cluster == nodes[first].cluster) ++last;
    conditions[nodes[first].cluster] =
        conditions_between(session, nodes[first].cluster, nodes[first].name, nodes[last].name);
    contacts[nodes[first].cluster] =
        contacts_between(session, nodes[first].cluster, nodes[first].name, nodes[last].name);
    first = last + 1;
  }
  const auto write_one = [&](support::JsonWriter& writer, const Node& node) {
    support::Object object(writer);
    write_node(object, node, contacts[node.cluster][node.name]);
    object.list("conditions", conditions[node.cluster][node.name],
                [](support::JsonWriter& inner, const StoredCondition& stored) {
                  write_condition(inner, stored, false);
                });
    const bool is_shown = sees_properties(query.reader, node.name);
    if (query.with_properties && is_shown) object.json("properties", node.properties);
    if (!query.with_properties && !query.properties.empty() && is_shown)
      object.json("properties", chosen_properties(node.properties, query.properties));
  };
  return support::json_object([&](support::Object& object) {
    object.list("nodes", nodes, write_one);
    object.boolean("more", static_cast<int64_t>(nodes.size()) == limit);
  });
}

std::string answer_node(SqlSession& session, const Query& query) {
  if (query.cluster.empty() || query.node.empty())
    throw Error(Errc::usage, "'cluster' and 'node' are required");
  const auto node = find_node(session, query.cluster, query.node);
  if (!node) throw HttpError(404, "node not found in this cluster");
  const auto conditions = list_conditions(session, {query.cluster, query.node, query.node, true});
  auto contacts = contacts_between(session, query.cluster, query.node, query.node);
  const bool is_shown = sees_properties(query.reader, node->name);
  const auto converge = is_shown ? find_converge(session, query.cluster, query.node) : std::nullopt;
  std::string given;
  if (sees_configuration(query.reader, node->name))
    given = given_configuration(session, *node, list_users(session, node->cluster));
  const bool is_scheduler = is_scheduler_node(session, query.cluster, query.node);
  const auto history = node_history(session, query.cluster, query.node, recent_changes);
  const auto operations = operations_of_node(session, query.cluster, query.node, recent);
  const auto events = list_events(session, query.cluster, query.node, Priority::low,
                                  {std::nullopt, std::nullopt, recent});
  return support::json_object([&](support::Object& answer) {
    answer.object("node", [&](support::Object& object) {
      write_node(object, *node, contacts[query.node]);
      object.list("conditions", conditions,
                  [](support::JsonWriter& writer, const StoredCondition& stored) {
                    write_condition(writer, stored, true);
                  });
      object.list("history", history, write_change);
      object.list("operations", operations,
                  [](support::JsonWriter& writer, const Operation& operation) {
                    support::Object(writer)
                        .time("time", operation.created)
                        .text("action", operation.action)
                        .text("by", operation.account)
                        .text("reason", operation.reason);
                  });
      object.boolean("scheduler", is_scheduler);
      if (is_shown) object.json("properties", node->properties);
      if (!given.empty())
        object.json("configuration", node->configuration).json("given_configuration", given);
      object.list("events", events.items, write_event);
      if (converge)
        object.object("converge", [&](support::Object& run) { write_converge(run, *converge); });
    });
  });
}

}  // namespace jetpack::hub
