// Parses and checks what nodes send to POST /clusterlink/messages.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <jetpack/error.hpp>
#include "store/reports.hpp"

namespace jetpack::hub {

inline constexpr size_t max_properties = 128 << 10;  // of a node, in bytes of JSON

// The importance of a log message. The cluster page shows medium and high.
enum class Priority { low = 1, medium = 2, high = 3 };

std::string_view to_text(Priority priority);

// The content of a message of type "log".
struct LogEntry {
  std::string level;  // "info", "warn" or "error"
  Priority priority = Priority::medium;
  std::string text;
  std::string extras;  // a JSON object: what else was in the data
};

// One message. Texts are valid UTF-8 of bounded size; missing ones are "".
struct Message {
  std::string id;  // the sender's, or a new one
  std::string cluster;
  std::string node;
  std::string instance_id;
  std::string hostname;
  std::string session;
  std::string sent;  // as the sender wrote it
  std::string type;
  std::string data;  // the JSON object
  // The parsed data, for the types that the hub acts on.
  std::optional<LogEntry> log;
  std::optional<std::string> properties;  // a JSON object
  std::optional<Condition> condition;
  std::optional<Installation> installation;
  std::optional<ConvergeReport> converge;
  std::optional<AutoscaleRequest> autoscale;
  std::optional<int64_t> keepalive;  // Unix milliseconds, or keepalive_forever
  std::optional<CloudNotice> notice;
};

// A request body that violates the protocol.
class BadMessages : public Error {
 public:
  BadMessages(const std::string& text, std::optional<size_t> index)
      : Error(Errc::usage, text), index_(index) {}

  // Which message, counted from 0; nullopt when the body as a whole is wrong.
  std::optional<size_t> index() const noexcept { return index_; }

 private:
  std::optional<size_t> index_;
};

// Reads {"messages": [...]}. Throws BadMessages.
std::vector<Message> parse_messages(std::string_view body);

// `patch` merged into `document` (both JSON objects) as in RFC 7396: null removes a member.
std::string merge_json(std::string_view document, std::string_view patch);

}  // namespace jetpack::hub
