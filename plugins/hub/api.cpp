// api.cpp: see api.hpp.
#include "api.hpp"

#include "text.hpp"

#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>
#include <jetpack/error.hpp>

#include <charconv>
#include <set>

namespace hub {

using jetpack::Errc;
using jetpack::Error;

namespace {

using Writer = rapidjson::Writer<rapidjson::StringBuffer>;

constexpr int64_t max_limit = 10'000;

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

void set(Query& query, const std::string& name, const std::string& value) {
  if (name == "cluster") {
    query.cluster = value;
  } else if (name == "type") {
    query.type = value;
  } else if (name == "after") {
    query.range.after = parse_number(name, value, 0, INT64_MAX);
  } else if (name == "before") {
    query.range.before = parse_number(name, value, 0, INT64_MAX);
  } else if (name == "limit") {
    query.range.limit = parse_number(name, value, 1, max_limit);
  } else if (name == "priority" && (value == "all" || value == "medium")) {
    query.least = value == "all" ? Priority::low : Priority::medium;
  } else if (name == "priority") {
    throw Error(Errc::usage, "'priority' must be all or medium");
  } else if (name == "properties" && value == "yes") {
    query.with_properties = true;
  } else if (name == "properties") {
    throw Error(Errc::usage, "'properties' can only be yes");
  } else {
    throw Error(Errc::usage,
                "the query has a name that is not known: known are after, before, cluster, limit, "
                "priority, properties, type");
  }
}

// Writes members of an object, so that the functions below read like the objects they make.
class Object {
 public:
  explicit Object(Writer& writer) : writer_(writer) { writer_.StartObject(); }
  Object(const Object&) = delete;
  Object& operator=(const Object&) = delete;
  ~Object() { writer_.EndObject(); }

  Object& text(std::string_view name, std::string_view value) {
    key(name);
    writer_.String(value.data(), static_cast<rapidjson::SizeType>(value.size()));
    return *this;
  }
  Object& number(std::string_view name, int64_t value) {
    key(name);
    writer_.Int64(value);
    return *this;
  }
  // Null when it never was.
  Object& time(std::string_view name, int64_t unix_ms) {
    if (unix_ms != 0) return text(name, iso_time(unix_ms));
    key(name);
    writer_.Null();
    return *this;
  }
  Object& json(std::string_view name, std::string_view value) {
    key(name);
    writer_.RawValue(value.data(), value.size(), rapidjson::kObjectType);
    return *this;
  }
  void key(std::string_view name) {
    writer_.Key(name.data(), static_cast<rapidjson::SizeType>(name.size()));
  }

 private:
  Writer& writer_;
};

std::string written(const rapidjson::StringBuffer& out) { return {out.GetString(), out.GetSize()}; }

void write(Writer& writer, const Event& event) {
  Object(writer)
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

void write(Writer& writer, const StoredMessage& message) {
  Object(writer)
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
  rapidjson::StringBuffer out;
  Writer writer(out);
  writer.StartObject();
  writer.Key(name);
  writer.StartArray();
  for (const auto& item : page.items) write(writer, item);
  writer.EndArray();
  writer.Key("more");
  writer.Bool(page.more);
  writer.EndObject();
  return written(out);
}

template <class Element, class Write>
std::string list_json(const char* name, const std::vector<Element>& list, Write write_element) {
  rapidjson::StringBuffer out;
  Writer writer(out);
  writer.StartObject();
  writer.Key(name);
  writer.StartArray();
  for (const auto& element : list) write_element(writer, element);
  writer.EndArray();
  writer.EndObject();
  return written(out);
}

}  // namespace

Query parse_query(const Parameters& parameters) {
  Query query;
  std::set<std::string> seen;
  for (const auto& [name, value] : parameters) {
    if (!seen.insert(name).second)
      throw Error(Errc::usage, "the query gives a name more than once");
    set(query, name, value);
  }
  return query;
}

std::string events_json(const Page<Event>& events) { return page_json("events", events); }

std::string messages_json(const Page<StoredMessage>& messages) {
  return page_json("messages", messages);
}

std::string nodes_json(const std::vector<Node>& nodes, bool with_properties) {
  return list_json("nodes", nodes, [&](Writer& writer, const Node& node) {
    Object object(writer);
    object.text("cluster", node.cluster)
        .text("name", node.name)
        .text("instance_id", node.instance_id)
        .text("hostname", node.hostname)
        .text("address", node.address)
        .time("first_contact", node.first_contact)
        .time("last_contact", node.last_contact);
    if (with_properties) object.json("properties", node.properties);
  });
}

std::string clusters_json(const std::vector<Cluster>& clusters) {
  return list_json("clusters", clusters, [](Writer& writer, const Cluster& cluster) {
    Object(writer).text("name", cluster.name).number("nodes", cluster.nodes);
  });
}

std::string event_json(const Event& event) {
  rapidjson::StringBuffer out;
  Writer writer(out);
  write(writer, event);
  return written(out);
}

std::string error_json(std::string_view text) {
  rapidjson::StringBuffer out;
  Writer writer(out);
  Object(writer).text("error", text);
  return written(out);
}

std::string error_json(std::string_view text, size_t message_index) {
  rapidjson::StringBuffer out;
  Writer writer(out);
  Object(writer).text("error", text).number("message", static_cast<int64_t>(message_index));
  return written(out);
}

}  // namespace hub
