// Parses and checks the data of the message types that the hub acts on.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <rapidjson/document.h>

namespace jetpack::hub {

// Type "condition". Missing texts are "".
struct Condition {
  std::string name;
  std::string status;  // "NA", "OK", "Warning" or "Error"
  std::string message, description, recommendations, details, action_type, ghr_category;
};

// Type "installation".
struct Installation {
  std::string status;  // "ok", "warning", "error" or "running"
  std::string message;
};

// A step of a converge: fetching projects, or one script.
struct ConvergeStep {
  int64_t number = 0;  // its place in the run, from 0
  std::string name;    // what is done: "configuration", "projects", "script"
  std::string project, spec, script;
  std::string status;        // "pending", "running", "ok", "skipped" or "error"
  int64_t duration_ms = -1;  // -1: not ended
  int64_t return_code = -1;  // -1: none
  std::string output;        // the last of it, where the step failed
};

// Type "converge": a run, and the steps that have changed since the run's last report.
struct ConvergeReport {
  std::string run;     // a UUID
  std::string mode;    // "install" or "maintenance"
  std::string status;  // "running", "ok" or "error"
  std::string message;
  int64_t started = 0;  // Unix milliseconds, by the node's clock
  std::vector<ConvergeStep> steps;
};

// Type "scheduled_event": the cloud is about to end the node.
struct CloudNotice {
  std::string event;   // "Preempt" or "Terminate"
  std::string reason;  // all of it, for people
};

// Type "autoscale": a scheduler's target for one node array.
struct Demand {
  std::string nodearray;
  std::optional<int64_t> count, core_count;  // what was not requested stays as it is
  bool dynamic = false;    // whether the array is removed when it is no longer requested
  std::string definition;  // a JSON object: all members of the array
};
struct AutoscaleRequest {
  std::string request_set;
  int64_t expires_after = 0;  // milliseconds
  std::vector<Demand> demands;
};

inline constexpr int64_t keepalive_forever = -1;
inline constexpr int64_t max_target = 1'000'000;
inline constexpr size_t max_definition = 64 << 10;  // of a node array, in bytes of JSON
inline constexpr int64_t default_expiry = 300'000;  // milliseconds, as the product's

// Each reads a message's data and throws Error (Errc::usage) for invalid data.
Condition read_condition(const rapidjson::Value& data);
Installation read_installation(const rapidjson::Value& data);
ConvergeReport read_converge(const rapidjson::Value& data);
AutoscaleRequest read_autoscale(const rapidjson::Value& data);
CloudNotice read_cloud_notice(const rapidjson::Value& data);
// Unix milliseconds, keepalive_forever, or 0 for one that was canceled.
int64_t read_keepalive(const rapidjson::Value& data);

// A whole number from 0 to max_target; nullopt when it is missing. Throws Errc::usage.
std::optional<int64_t> count_of(const rapidjson::Value& object, const char* name);

// Whether `text` can name a node array: names as is_name has them, joined by ':' ("execute:64").
bool is_nodearray_name(std::string_view text);

// A member that may be missing or null, then "". Throws for anything but a text; a text longer than
// `most` bytes is cut.
std::string text_of_member(const rapidjson::Value& object, const char* name, size_t most);

}  // namespace jetpack::hub
