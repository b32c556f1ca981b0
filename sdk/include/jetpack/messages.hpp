// jetpack/messages.hpp: the messages that every server knows, in their form. sdk/README.md lists them.
//
//   jetpack::Sender sender(call);
//   sender.publish(jetpack::log_message("GPU 3 was reset", jetpack::Severity::warn));
//   return sender.finish();
//
// Texts are cut to 64 KiB with a mark, and bytes that are not UTF-8 become U+FFFD, so that no server
// rejects a message for them.
#pragma once

#include <jetpack/json.hpp>
#include <jetpack/message.hpp>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace jetpack {

// The longest text of a message, in bytes.
inline constexpr size_t max_message_text = 64 << 10;

// The text when it has at most `max_bytes`, else its beginning and "… 5,872 bytes cut", within
// `max_bytes`, which must have room for the mark. [thread-safe]
inline std::string cut_text(std::string_view text, size_t max_bytes = max_message_text) {
  if (text.size() <= max_bytes) return std::string(text);
  const auto mark = [](size_t bytes) {
    std::string digits = std::to_string(bytes);
    for (size_t place = digits.size(); place > 3; place -= 3) digits.insert(place - 3, 1, ',');
    return "\xE2\x80\xA6 " + digits + " bytes cut";
  };
  // The mark for all of the text is at least as long as the one for a part of it.
  size_t size = max_bytes - mark(text.size()).size();
  while (size > 0 && (static_cast<unsigned char>(text[size]) & 0xC0U) == 0x80U) --size;
  return std::string(text.substr(0, size)) + mark(text.size() - size);
}

enum class Severity { info, warn, error };
enum class Priority { low, medium, high };

// "log": a line of the cluster's event log. Without a priority it is high for an error, else medium;
// low keeps it off the cluster page. [thread-safe]
inline Message log_message(std::string_view text, Severity severity = Severity::info,
                           std::optional<Priority> priority = std::nullopt) {
  const auto usual = severity == Severity::error ? Priority::high : Priority::medium;
  const Priority shown = priority.value_or(usual);
  Json data = Json::object();
  data.set("level", severity == Severity::error  ? "error"
                    : severity == Severity::warn ? "warn"
                                                 : "info");
  data.set("message", cut_text(text));
  data.set("priority", shown == Priority::high  ? "high"
                       : shown == Priority::low ? "low"
                                                : "medium");
  return {"log", data.dump()};
}

enum class Installation { running, ok, warning, error };

// What went wrong in an installation; texts that are empty are left out.
struct InstallationProblem {
  std::string_view message = {};  // in one line
  std::string_view description = {};
  std::string_view recommendation = {};
  std::string_view detail = {};  // such as the end of the output
};

// "installation": how the installation of this node goes. `ok` and `warning` make the node ready,
// `error` marks it failed. [thread-safe]
inline Message installation_message(Installation status, const InstallationProblem& problem = {}) {
  Json data = Json::object();
  data.set("status", status == Installation::running   ? "running"
                     : status == Installation::ok      ? "ok"
                     : status == Installation::warning ? "warning"
                                                       : "error");
  const auto add = [&](const char* name, std::string_view text) {
    if (!text.empty()) data.set(name, cut_text(text));
  };
  add("message", problem.message);
  add("description", problem.description);
  add("recommendation", problem.recommendation);
  add("detail", problem.detail);
  return {"installation", data.dump()};
}

// "properties": what the cluster shows for this node, merged into what it has, where null removes a
// member (RFC 7396): Json().set_path("gpu.count", 8). See Config::set_property for what the node itself
// remembers. Throws Errc::usage when `values` is not an object. [thread-safe]
inline Message properties_message(const Json& values) {
  if (!values.is_object()) throw Error(Errc::usage, "properties are a JSON object");
  return {"properties", Json::object().set("properties", values).dump()};
}

}  // namespace jetpack
