// Parses and checks the data of the message types that the hub acts on.
#include "store/reports.hpp"

#include <algorithm>
#include <array>

#include <jetpack/error.hpp>
#include "common/text.hpp"
#include "support/json.hpp"
#include "support/text.hpp"
#include "support/times.hpp"

namespace jetpack::hub {

namespace json = rapidjson;

namespace {

constexpr size_t max_name = 256;
constexpr size_t max_report_text = 64 << 10;
constexpr size_t max_demands = 1000;
constexpr int64_t max_steps = 5000;  // of a converge: 50 specs with 100 scripts each
constexpr size_t max_step_output = 16 << 10;
constexpr int64_t max_duration_ms = 366LL * 24 * 3600 * 1000;
constexpr int64_t max_expiry_seconds = 366LL * 24 * 3600;

[[noreturn]] void bad(const std::string& what) { throw Error(Errc::usage, what); }

template <size_t N>
std::string one_of(const json::Value& data, const char* name,
                   const std::array<std::string_view, N>& known) {
  std::string text = text_of_member(data, name, max_name);
  if (std::find(known.begin(), known.end(), text) != known.end()) return text;
  std::string all;
  for (const auto& value : known) all += (all.empty() ? "" : ", ") + std::string(value);
  bad("'" + std::string(name) + "' must be one of " + all);
}

// -1 when it is missing.
int64_t number_of(const json::Value& object, const char* name, int64_t most) {
  const auto* member = support::find_member(object, name);
  if (member == nullptr || member->IsNull()) return -1;
  if (!member->IsInt64() || member->GetInt64() < 0 || member->GetInt64() > most)
    bad("'" + std::string(name) + "' must be a whole number from 0 to " + std::to_string(most));
  return member->GetInt64();
}

ConvergeStep read_step(const json::Value& object) {
  constexpr std::array<std::string_view, 5> statuses = {"pending", "running", "ok", "skipped",
                                                        "error"};
  if (!object.IsObject()) bad("a step must be an object");
  ConvergeStep step;
  step.number = number_of(object, "number", max_steps - 1);
  if (step.number < 0) bad("'number' is missing in a step");
  step.name = text_of_member(object, "name", max_name);
  step.project = text_of_member(object, "project", max_name);
  step.spec = text_of_member(object, "spec", max_name);
  step.script = text_of_member(object, "script", max_name);
  step.status = one_of(object, "status", statuses);
  step.duration_ms = number_of(object, "duration_ms", max_duration_ms);
  step.return_code = number_of(object, "return_code", 255);
  step.output = text_of_member(object, "output", max_step_output);
  return step;
}

// Groups of nodes become an array of their own: "execute:64".
void apply_groups(const json::Value& object, Demand& demand) {
  const auto groups = count_of(object, "TargetGroupCount");
  if (!groups) return;
  const auto cores = count_of(object, "GroupCoreCount"),
             nodes = count_of(object, "GroupInstanceCount");
  if (!cores && !nodes) bad("'TargetGroupCount' needs 'GroupCoreCount' or 'GroupInstanceCount'");
  demand.nodearray += ":" + std::to_string(cores ? *cores : *nodes);
  demand.dynamic = true;
  const int64_t total = *groups * (cores ? *cores : *nodes);
  if (total > max_target)
    bad("the groups exceed the limit of " + std::to_string(max_target) + " in total");
  (cores ? demand.core_count : demand.count) = total;
}

// Required: the node's time zone may differ from the hub's.
bool has_zone(std::string_view iso_time) {
  const size_t time_of_day = iso_time.find('T');
  return iso_time.ends_with('Z') ||
         (time_of_day != std::string_view::npos &&
          iso_time.find_first_of("+-", time_of_day) != std::string_view::npos);
}

Demand read_demand(const json::Value& object) {
  if (!object.IsObject()) bad("a definition must be an object");
  Demand demand;
  demand.nodearray = text_of_member(object, "Name", max_name);
  if (demand.nodearray.empty()) bad("'Name' is missing in a definition");
  demand.count = count_of(object, "TargetCount");
  demand.core_count = count_of(object, "TargetCoreCount");
  const auto* dynamic = support::find_member(object, "Dynamic");
  demand.dynamic = dynamic != nullptr && dynamic->IsTrue();
  apply_groups(object, demand);
  if (!is_nodearray_name(demand.nodearray))
    bad("'" + support::one_line(demand.nodearray) + "' is not a valid node array name");
  demand.definition = support::to_json(object);
  if (demand.definition.size() > max_definition)
    bad("the definition of '" + demand.nodearray + "' exceeds " + std::to_string(max_definition) +
        " bytes");
  return demand;
}

}  // namespace

std::optional<int64_t> count_of(const json::Value& object, const char* name) {
  const auto* member = support::find_member(object, name);
  if (member == nullptr || member->IsNull()) return std::nullopt;
  // Python writes 100.0 for a computed number.
  const bool is_whole =
      member->IsInt64() ||
      (member->IsDouble() && member->GetDouble() >= 0 && member->GetDouble() <= max_target &&
       member->GetDouble() == static_cast<double>(static_cast<int64_t>(member->GetDouble())));
  const int64_t count = !is_whole           ? -1
                        : member->IsInt64() ? member->GetInt64()
                                            : static_cast<int64_t>(member->GetDouble());
  if (count < 0 || count > max_target)
    bad("'" + std::string(name) + "' must be a whole number from 0 to " +
        std::to_string(max_target));
  return count;
}

std::string text_of_member(const json::Value& object, const char* name, size_t most) {
  const auto* member = support::find_member(object, name);
  if (member == nullptr || member->IsNull()) return {};
  if (!support::is_string(*member)) bad("'" + std::string(name) + "' must be a string");
  return stored_text(support::text_of(*member), most);
}

bool is_nodearray_name(std::string_view text) {
  while (true) {
    const size_t colon = text.find(':');
    if (!is_name(text.substr(0, colon))) return false;
    if (colon == std::string_view::npos) return true;
    text.remove_prefix(colon + 1);
  }
}

Condition read_condition(const json::Value& data) {
  constexpr std::array<std::string_view, 4> statuses = {"NA", "OK", "Warning", "Error"};
  Condition condition;
  condition.name = text_of_member(data, "name", max_name);
  if (condition.name.empty()) bad("'name' is missing");
  condition.status = one_of(data, "status", statuses);
  condition.message = text_of_member(data, "message", max_report_text);
  condition.description = text_of_member(data, "description", max_report_text);
  condition.recommendations = text_of_member(data, "recommendations", max_report_text);
  condition.details = text_of_member(data, "details", max_report_text);
  condition.action_type = text_of_member(data, "action_type", max_name);
  condition.ghr_category = text_of_member(data, "ghr_category", max_name);
  return condition;
}

Installation read_installation(const json::Value& data) {
  constexpr std::array<std::string_view, 4> statuses = {"ok", "warning", "error", "running"};
  return {one_of(data, "status", statuses), text_of_member(data, "message", max_report_text)};
}

ConvergeReport read_converge(const json::Value& data) {
  constexpr std::array<std::string_view, 3> statuses = {"running", "ok", "error"};
  ConvergeReport report;
  report.run = text_of_member(data, "run", max_name);
  if (report.run.empty()) bad("'run' is missing");
  report.mode = text_of_member(data, "mode", max_name);
  report.status = one_of(data, "status", statuses);
  report.message = text_of_member(data, "message", max_report_text);
  const auto started = support::parse_iso_8601(text_of_member(data, "started", max_name));
  if (!started) bad("'started' must be a time in ISO 8601");
  report.started = support::unix_ms(*started);
  const auto* steps = support::find_member(data, "steps");
  if (steps == nullptr || steps->IsNull()) return report;
  if (!steps->IsArray()) bad("'steps' must be an array");
  for (const auto& step : steps->GetArray()) report.steps.push_back(read_step(step));
  return report;
}

AutoscaleRequest read_autoscale(const json::Value& data) {
  AutoscaleRequest request;
  request.request_set = text_of_member(data, "request_set", max_name);
  if (request.request_set.empty()) request.request_set = "standard";
  request.expires_after = default_expiry;
  if (const auto* seconds = support::find_member(data, "expiration_interval");
      seconds != nullptr && !seconds->IsNull()) {
    if (!seconds->IsNumber() || !(seconds->GetDouble() > 0) ||
        seconds->GetDouble() > static_cast<double>(max_expiry_seconds))
      bad("'expiration_interval' must be a number of seconds from 1 to " +
          std::to_string(max_expiry_seconds));
    request.expires_after = static_cast<int64_t>(seconds->GetDouble() * 1000);
  }
  const auto* definitions = support::find_member(data, "definitions");
  if (definitions == nullptr || !definitions->IsArray()) bad("'definitions' must be an array");
  if (definitions->Size() > max_demands)
    bad(std::to_string(definitions->Size()) + " definitions exceed the limit of " +
        std::to_string(max_demands));
  for (const auto& object : definitions->GetArray()) request.demands.push_back(read_demand(object));
  return request;
}

CloudNotice read_cloud_notice(const json::Value& data) {
  constexpr std::array<std::string_view, 2> events = {"Preempt", "Terminate"};
  return {one_of(data, "event", events), text_of_member(data, "reason", max_report_text)};
}

int64_t read_keepalive(const json::Value& data) {
  const std::string until = text_of_member(data, "until", max_name);
  if (until == "forever") return keepalive_forever;
  if (until == "none") return 0;
  const auto time = support::parse_iso_8601(until);
  if (!time || !has_zone(until))
    bad("'until' must be an ISO 8601 time with a time zone, forever or none");
  return support::unix_ms(*time);
}

}  // namespace jetpack::hub
