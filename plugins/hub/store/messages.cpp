// Parses and checks what nodes send to POST /clusterlink/messages. The format is public:
// the node-health project's send_log posts {"cluster_name", "instance_id", "timestamp",
// "cluster_session_id", "type", "data"}; "id", "node_name" and "hostname" are what jetpack adds.
#include "store/messages.hpp"

#include <algorithm>

#include "common/json.hpp"
#include "common/text.hpp"
#include "support/json.hpp"
#include "support/random.hpp"

namespace jetpack::hub {

namespace json = rapidjson;

namespace {

constexpr size_t max_messages = 10'000;
constexpr size_t max_short_text = 256;
constexpr size_t max_log_text = 64 << 10;

// Parses one message of a batch; knows its index for errors.
class MessageReader {
 public:
  MessageReader(const json::Value& value, size_t index) : value_(value), index_(index) {}

  Message read() const {
    if (!value_.IsObject()) fail("a message must be an object");
    Message message;
    message.id = optional_text(value_, "id");
    if (message.id.empty()) message.id = support::random_uuid();
    message.cluster = required_text(value_, "cluster_name");
    message.type = required_text(value_, "type");
    message.node = optional_text(value_, "node_name");
    message.instance_id = optional_text(value_, "instance_id");
    message.hostname = optional_text(value_, "hostname");
    message.session = optional_text(value_, "cluster_session_id");
    message.sent = optional_text(value_, "timestamp");
    const auto* data = support::find_member(value_, "data");
    if (data == nullptr || !data->IsObject()) fail("'data' must be an object");
    message.data = support::to_json(*data);
    if (message.type == "log") message.log = read_log(*data);
    if (message.type == "properties") message.properties = read_properties(*data);
    read_report(message, *data);
    return message;
  }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    throw BadMessages("message " + std::to_string(index_) + ": " + what, index_);
  }

  // A missing or null text is "". The public sender writes null for unknown values.
  std::string optional_text(const json::Value& object, const char* key) const {
    const auto* member = support::find_member(object, key);
    if (member == nullptr || member->IsNull()) return {};
    if (!support::is_string(*member)) fail("'" + std::string(key) + "' must be a string");
    const auto text = support::text_of(*member);
    if (text.size() > max_short_text)
      fail("'" + std::string(key) + "' has " + std::to_string(text.size()) +
           " bytes, the limit is " + std::to_string(max_short_text));
    return stored_text(text, max_short_text);
  }

  std::string required_text(const json::Value& object, const char* key) const {
    std::string text = optional_text(object, key);
    if (text.empty()) fail("'" + std::string(key) + "' is missing");
    return text;
  }

  LogEntry read_log(const json::Value& data) const {
    LogEntry entry;
    entry.level = optional_text(data, "level");
    if (entry.level.empty()) entry.level = "info";
    if (entry.level != "info" && entry.level != "warn" && entry.level != "error")
      fail("'level' must be info, warn or error");
    entry.priority = read_priority(data, entry.level);
    const auto* text = support::find_member(data, "message");
    if (text == nullptr || !support::is_string(*text)) fail("'message' must be a string");
    entry.text = stored_text(support::text_of(*text), max_log_text);
    entry.extras = read_extras(data);
    return entry;
  }

  Priority read_priority(const json::Value& data, std::string_view level) const {
    const std::string priority = optional_text(data, "priority");
    if (priority.empty()) return level == "error" ? Priority::high : Priority::medium;
    for (const auto known : {Priority::low, Priority::medium, Priority::high})
      if (priority == to_text(known)) return known;
    fail("'priority' must be low, medium or high");
  }

  void read_report(Message& message, const json::Value& data) const try {
    if (message.type == "condition") message.condition = read_condition(data);
    if (message.type == "installation") message.installation = read_installation(data);
    if (message.type == "converge") message.converge = read_converge(data);
    if (message.type == "autoscale") message.autoscale = read_autoscale(data);
    if (message.type == "keepalive") message.keepalive = read_keepalive(data);
    if (message.type == "scheduled_event") message.notice = read_cloud_notice(data);
  } catch (const Error& error) {
    fail(error.what());
  }

  static std::string read_extras(const json::Value& data) {
    json::Document extras;
    extras.SetObject();
    for (const auto& member : data.GetObject()) {
      const auto name = support::text_of(member.name);
      if (name == "level" || name == "priority" || name == "message") continue;
      json::Value key(member.name, extras.GetAllocator());
      json::Value value(member.value, extras.GetAllocator());
      extras.AddMember(key, value, extras.GetAllocator());
    }
    return support::to_json(extras);
  }

  std::string read_properties(const json::Value& data) const {
    const auto* properties = support::find_member(data, "properties");
    if (properties == nullptr || !properties->IsObject()) fail("'properties' must be an object");
    std::string text = support::to_json(*properties);
    if (text.size() > max_properties)
      fail("the properties exceed " + std::to_string(max_properties) + " bytes");
    return text;
  }

  const json::Value& value_;
  size_t index_;
};

void merge(json::Value& into, const json::Value& patch, json::Document::AllocatorType& pool) {
  for (const auto& member : patch.GetObject()) {
    auto* old = const_cast<json::Value*>(support::find_member(into, support::text_of(member.name)));
    if (member.value.IsNull()) {
      if (old != nullptr) into.RemoveMember(member.name);
    } else if (old != nullptr && old->IsObject() && member.value.IsObject()) {
      merge(*old, member.value, pool);
    } else if (old != nullptr) {
      old->CopyFrom(member.value, pool);
    } else {
      into.AddMember(json::Value(member.name, pool), json::Value(member.value, pool), pool);
    }
  }
}

}  // namespace

std::string_view to_text(Priority priority) {
  switch (priority) {
    case Priority::low:
      return "low";
    case Priority::medium:
      return "medium";
    case Priority::high:
      return "high";
  }
  return "medium";
}

std::vector<Message> parse_messages(std::string_view body) {
  json::Document document;
  try {
    document = support::parse_json(body, "the body", support::JsonRules::relayed);
  } catch (const Error& error) {
    throw BadMessages(error.what(), std::nullopt);
  }
  const auto* list = support::find_member(document, "messages");
  if (list == nullptr || !list->IsArray())
    throw BadMessages("the body must be {\"messages\": [...]}", std::nullopt);
  if (list->Size() > max_messages)
    throw BadMessages(std::to_string(list->Size()) + " messages exceed the limit of " +
                          std::to_string(max_messages),
                      std::nullopt);
  std::vector<Message> messages;
  messages.reserve(list->Size());
  for (const auto& value : list->GetArray())
    messages.push_back(MessageReader(value, messages.size()).read());
  return messages;
}

std::string merge_json(std::string_view document, std::string_view patch) {
  auto merged = parse_object(document);
  if (!merged) merged.emplace(json::kObjectType);
  if (const auto changes = parse_object(patch)) merge(*merged, *changes, merged->GetAllocator());
  return support::to_json(*merged);
}

}  // namespace jetpack::hub
