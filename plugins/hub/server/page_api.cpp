// The cluster page's endpoints, /api/...
#include "server/page_api.hpp"

#include <algorithm>
#include <charconv>
#include <set>
#include <unordered_map>

#include <jetpack/error.hpp>
#include "common/text.hpp"
#include "server/given_configuration.hpp"
#include "server/properties_api.hpp"
#include "server/routes.hpp"
#include "server/targets_api.hpp"
#include "store/contact_table.hpp"
#include "store/converge_table.hpp"
#include "store/history_table.hpp"
#include "store/operation_table.hpp"
#include "support/json_writer.hpp"

namespace jetpack::hub {

namespace {

constexpr int64_t max_limit = 10'000;
constexpr int64_t max_hours = 31LL * 24;
constexpr int64_t recent = 50;           // events and operations of a node
constexpr int64_t recent_changes = 500;  // of a node, as many as a day of flapping has
constexpr int64_t most_counted = 100'000;

int64_t parse_number(const std::string& name, const std::string& text, int64_t least,
                     int64_t most) {
  int64_t number = 0;
  const char* end = text.data() + text.size();
  const auto [rest, failure] = std::from_chars(text.data(), end, number);
  if (failure != std::errc{} || rest != end || number < least || number > most)
    throw Error(Errc::usage, "'" + name + "' must be a whole number from " + std::to_string(least) +
                                 " to " + std::to_string(most));
  return number;
}

void set_choice(Query& query, const std::string& name, const std::string& value) {
  if (name == "priority" && (value == "all" || value == "medium")) {
    query.least = value == "all" ? Priority::low : Priority::medium;
  } else if (name == "priority") {
    throw Error(Errc::usage, "'priority' must be all or medium");
  } else if (name == "level" && (value == "warn" || value == "error")) {
    query.filter.level = value;
  } else if (name == "level") {
    throw Error(Errc::usage, "'level' must be warn or error");
  } else if (name == "properties" && value == "yes") {
    query.with_properties = true;
  } else if (name == "properties") {
    throw Error(Errc::usage, "'properties' must be yes");
  } else {
    throw Error(Errc::usage,
                "unknown query parameter; expected after, after_name, before, "
                "cluster, hours, level, limit, node, priority, properties, property, since, text, "
                "type");
  }
}

void set(Query& query, const std::string& name, const std::string& value) {
  if (name == "cluster") {
    query.cluster = value;
  } else if (name == "node") {
    query.node = value;
  } else if (name == "type") {
    query.type = value;
  } else if (name == "text") {
    query.filter.text = value;
  } else if (name == "since") {
    query.filter.since = parse_number(name, value, 0, INT64_MAX);
  } else if (name == "property") {
    query.properties = property_keys(value);
  } else if (name == "after_name") {
    query.after_name = value;
  } else if (name == "after") {
    query.range.after = parse_number(name, value, 0, INT64_MAX);
  } else if (name == "before") {
    query.range.before = parse_number(name, value, 0, INT64_MAX);
  } else if (name == "hours") {
    query.hours = parse_number(name, value, 1, max_hours);
  } else if (name == "limit") {
    query.range.limit = parse_number(name, value, 1, max_limit);
    query.has_limit = true;
  } else {
    set_choice(query, name, value);
  }
}

void write(support::JsonWriter& writer, const Event& event) {
  support::Object(writer)
      .number("id", event.id)
      .text("cluster", event.cluster)
      .text("node", event.node)
      .text("level", event.level)
      .text("priority", to_text(event.priority))
      .text("message", event.text)
      .text("sent", event.sent)
      .time("received", event.received)
      .json("extras", event.extras);
}

void write(support::JsonWriter& writer, const StoredMessage& message) {
  support::Object(writer)
      .number("number", message.number)
      .text("id", message.id)
      .text("cluster", message.cluster)
      .text("node", message.node)
      .text("instance_id", message.instance_id)
      .text("type", message.type)
      .text("sent", message.sent)
      .time("received", message.received)
      .text("session", message.session)
      .json("data", message.data);
}

template <class Item>
std::string page_json(const char* name, const Page<Item>& page) {
  return support::json_object([&](support::Object& object) {
    object.list(name, page.items,
                [](support::JsonWriter& writer, const Item& item) { write(writer, item); });
    object.boolean("more", page.more);
  });
}

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
      .time("last_contact", std::max(node.last_contact, contact.heard))
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

std::string answer_nodes(SqlSession& session, const Query& query) {
  const int64_t limit = query.has_limit ? query.range.limit : max_limit;
  if (!query.after_name.empty() && query.cluster.empty())
    throw Error(Errc::usage, "'after_name' needs 'cluster'");
  const auto nodes = list_nodes(session, {query.cluster, query.after_name, limit});
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

void write_change(support::JsonWriter& writer, const NodeChange& change) {
  support::Object(writer)
      .time("time", change.time)
      .text("what", change.what)
      .text("name", change.name)
      .text("status", change.status)
      .text("message", change.message);
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
      object.list("events", events.items,
                  [](support::JsonWriter& writer, const Event& event) { write(writer, event); });
      if (converge)
        object.object("converge", [&](support::Object& run) { write_converge(run, *converge); });
    });
  });
}

std::string answer_low_events(SqlSession& session, const Query& query) {
  const int64_t count = count_low_events(session, query.cluster, query.node, most_counted);
  return support::json_object([&](support::Object& object) {
    object.number("count", count).boolean("more", count == most_counted);
  });
}

std::string answer_summary(SqlSession& session, const Query& query) {
  const auto fill = [](const std::vector<Count>& counts) {
    return [&counts](support::Object& object) {
      for (const auto& [of, count] : counts) object.number(of, count);
    };
  };
  const auto phases = count_phases(session, query.cluster);
  const auto states = count_states(session, query.cluster);
  const auto conditions = count_conditions(session, query.cluster);
  return support::json_object([&](support::Object& object) {
    object.object("phases", fill(phases))
        .object("states", fill(states))
        .object("conditions", fill(conditions));
  });
}

std::string answer_clusters(SqlSession& session, const Query& query) {
  const auto clusters = list_clusters(session, query.cluster);
  return support::json_object([&](support::Object& object) {
    object.list("clusters", clusters, [](support::JsonWriter& writer, const Cluster& cluster) {
      support::Object(writer).text("name", cluster.name).number("nodes", cluster.nodes);
    });
  });
}

// To a compute node, messages of others are shown as far as the page shows what they say.
MessageSelection selection_of(const Query& query) {
  MessageSelection selection{query.cluster, query.node, query.type, {}};
  if (!sees_properties(query.reader, "")) selection.open_of_others = query.reader.node;
  return selection;
}

std::string answer_query(SqlSession& session, const std::string& path, const Query& query) {
  if (path == "/api/events")
    return events_json(
        list_events(session, query.cluster, query.node, query.least, query.range, query.filter));
  if (path == "/api/events/low") return answer_low_events(session, query);
  if (path == "/api/properties") return answer_properties(session, query);
  if (path == "/api/messages")
    return page_json("messages", list_messages(session, selection_of(query), query.range));
  if (path == "/api/nodes") return answer_nodes(session, query);
  if (path == "/api/node") return answer_node(session, query);
  if (path == "/api/targets") return answer_targets(session, query);
  if (path == "/api/summary") return answer_summary(session, query);
  if (path == "/api/clusters") return answer_clusters(session, query);
  throw HttpError(404, "not found");
}

}  // namespace

Query parse_query(const Parameters& parameters) {
  Query query;
  std::set<std::string> seen;
  for (const auto& [name, value] : parameters) {
    if (!seen.insert(name).second) throw Error(Errc::usage, "a query parameter is repeated");
    if (value.find('\0') != std::string::npos)
      throw Error(Errc::usage, "the query contains a NUL character");
    set(query, name, value);
  }
  return query;
}

Query visible_query(const Account& account, const Parameters& parameters) {
  Query query = parse_query(parameters);
  query.reader = account;
  if (account.role != Role::node) return query;
  if (query.cluster.empty()) query.cluster = account.cluster;
  require_sight(account, query.cluster);
  return query;
}

Response page_api_response(const Scene& scene, const Request& request) {
  const Query query = visible_query(request.account, request.query);
  return {200, scene.database.read("reading for the page", [&](SqlSession& session) {
            return answer_query(session, request.path, query);
          })};
}

std::string events_json(const Page<Event>& events) { return page_json("events", events); }

std::string event_json(const Event& event) {
  rapidjson::StringBuffer out;
  support::JsonWriter writer(out);
  write(writer, event);
  return {out.GetString(), out.GetSize()};
}

std::string change_json(const Change& change) {
  return support::json_object([&](support::Object& object) {
    object.text("what", change.what).text("cluster", change.cluster);
    if (!change.node.empty()) object.text("node", change.node);
  });
}

std::string error_json(std::string_view text) {
  return support::json_object([&](support::Object& object) { object.text("error", text); });
}

std::string error_json(std::string_view text, size_t message_index) {
  return support::json_object([&](support::Object& object) {
    object.text("error", text).number("message", static_cast<int64_t>(message_index));
  });
}

}  // namespace jetpack::hub
