// Messages as the cluster's server reads them, the same on every transport.
#include "services/session/envelope.hpp"

#include "support/json_writer.hpp"

namespace jetpack::session {

namespace {

using support::JsonWriter;

// Leaves out what is empty.
void put_known(JsonWriter& json, const char* key, const std::string& text,
               const std::string& fallback = "") {
  const std::string& value = text.empty() ? fallback : text;
  if (value.empty()) return;
  json.Key(key);
  json.String(value.data(), static_cast<rapidjson::SizeType>(value.size()));
}

void write(JsonWriter& json, const Message& message, const node::Identity& now) {
  json.StartObject();
  put_known(json, "id", message.id);
  put_known(json, "cluster_name", message.from.cluster, now.cluster);
  put_known(json, "instance_id", message.from.instance, now.instance);
  put_known(json, "cluster_session_id", message.from.session, now.session);
  put_known(json, "node_name", message.from.node, now.node);
  put_known(json, "hostname", message.hostname);
  put_known(json, "timestamp", message.time);
  put_known(json, "type", message.type);
  json.Key("data");
  json.RawValue(message.data.data(), message.data.size(), rapidjson::kObjectType);
  json.EndObject();
}

}  // namespace

std::string envelope(const std::vector<Message>& messages, const node::Identity& now) {
  rapidjson::StringBuffer buffer;
  JsonWriter json(buffer);
  json.StartObject();
  json.Key("messages");
  json.StartArray();
  for (const auto& message : messages) write(json, message, now);
  json.EndArray();
  json.EndObject();
  return {buffer.GetString(), buffer.GetSize()};
}

}  // namespace jetpack::session
