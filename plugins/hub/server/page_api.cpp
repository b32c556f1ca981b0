// The cluster page's endpoints, /api/...
#include "server/page_api.hpp"

#include <charconv>
#include <set>

#include <jetpack/error.hpp>
#include "common/text.hpp"
#include "server/nodes_api.hpp"
#include "server/properties_api.hpp"
#include "server/routes.hpp"
#include "server/targets_api.hpp"
#include "store/contact_table.hpp"
#include "support/json_writer.hpp"

namespace jetpack::hub {

namespace {

constexpr int64_t max_hours = 31LL * 24;
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
    query.range.limit = parse_number(name, value, 1, max_listed);
    query.has_limit = true;
  } else {
    set_choice(query, name, value);
  }
}

void write(support::JsonWriter& writer, const Event& event) { write_event(writer, event); }

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

void write_event(support::JsonWriter& writer, const Event& event) {
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
