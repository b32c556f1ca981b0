// Reads and writes run/health.json.
#include "healthcheck/health_file.hpp"

#include <jetpack/error.hpp>
#include "support/files.hpp"
#include "support/json.hpp"
#include "support/json_writer.hpp"
#include "support/prometheus.hpp"
#include "support/utf8.hpp"

namespace jetpack::healthcheck {

namespace {

using rapidjson::Value;
using support::number_or;
using support::Object;
using support::text_or;

constexpr uint64_t max_file = 64 << 20;
constexpr unsigned file_mode = 0640;
constexpr size_t most_events = 500;
constexpr size_t max_event = 512;

Record record_from(const Value& value) {
  Record record;
  Outcome& last = record.last;
  last.state = state_named(text_or(value, "state", ""));
  const auto* code = support::find_member(value, "exit_code");
  last.exit_code = code != nullptr && code->IsInt() ? code->GetInt() : -1;
  last.message = text_or(value, "message", "");
  last.out = text_or(value, "stdout", "");
  last.err = text_or(value, "stderr", "");
  last.elapsed_ms = static_cast<int64_t>(number_or(value, "elapsed_ms", 0));
  last.left_pid = static_cast<int>(number_or(value, "left_pid", 0));
  last.left_start = number_or(value, "left_start", 0);
  record.ran = text_or(value, "ran", "");
  record.since = text_or(value, "since", "");
  record.failing_since = text_or(value, "failing_since", "");
  record.strikes = static_cast<int64_t>(number_or(value, "strikes", 0));
  record.passes = static_cast<int64_t>(number_or(value, "passes", 0));
  record.reported = text_or(value, "reported", "");
  return record;
}

void write_record(Object& object, const Record& record) {
  const Outcome& last = record.last;
  object.text("state", shown_state(record))
      .number("exit_code", last.exit_code)
      .text("message", last.message)
      .text("ran", record.ran)
      .text("since", record.since)
      .text("failing_since", record.failing_since)
      .number("elapsed_ms", last.elapsed_ms)
      .number("strikes", record.strikes)
      .number("passes", record.passes)
      .text("stdout", last.out)
      .text("stderr", last.err);
  if (last.left_pid > 0)
    object.number("left_pid", last.left_pid).number("left_start", last.left_start);
}

void write_event(support::JsonWriter& json, const Event& event) {
  Object(json)
      .text("time", event.time)
      .text("check", event.check)
      .text("what", event.what)
      .text("message", event.message);
}

}  // namespace

void Health::note(const std::string& time, const std::string& check, const std::string& what,
                  const std::string& message) {
  history.push_back({time, check, what, support::cut(message, max_event)});
  if (history.size() > most_events)
    history.erase(history.begin(), history.end() - static_cast<std::ptrdiff_t>(most_events));
}

std::string shown_state(const Record& record) {
  return record.ran.empty() && record.last.state != State::invalid ? "not run"
                                                                   : name_of(record.last.state);
}

std::string health_path(const Config& config) { return config.path("run/health.json"); }

Health read_health(const std::string& path) {
  Health health;
  const auto text = support::read_file(path, max_file, support::Sharing::shared);
  if (!text) return health;
  const auto document = support::parse_json(*text, path);
  if (!document.IsObject()) throw Error(Errc::corrupt, path + " is not a JSON object");
  health.started = text_or(document, "started", "");
  health.elapsed_ms = static_cast<int64_t>(number_or(document, "elapsed_ms", 0));
  if (const auto* checks = support::find_member(document, "checks");
      checks != nullptr && checks->IsObject())
    for (const auto& [name, value] : checks->GetObject())
      health.checks[std::string(support::text_of(name))] = record_from(value);
  if (const auto* asked = support::find_member(document, "termination");
      asked != nullptr && asked->IsObject())
    health.termination = {text_or(*asked, "check", ""),     text_or(*asked, "reason", ""),
                          text_or(*asked, "requested", ""), text_or(*asked, "boot", ""),
                          text_or(*asked, "id", ""),        text_or(*asked, "error", "")};
  if (const auto* events = support::find_member(document, "history");
      events != nullptr && events->IsArray())
    for (const auto& event : events->GetArray())
      health.note(text_or(event, "time", ""), text_or(event, "check", ""),
                  text_or(event, "what", ""), text_or(event, "message", ""));
  return health;
}

void write_health(const std::string& path, const Health& health) {
  const std::string json = support::json_object([&](Object& all) {
    all.text("started", health.started).number("elapsed_ms", health.elapsed_ms);
    all.object("checks", [&](Object& checks) {
      for (const auto& entry : health.checks)
        checks.object(entry.first, [&](Object& object) {
          write_record(object, entry.second);
          object.text("reported", entry.second.reported);
        });
    });
    if (health.termination)
      all.object("termination", [&](Object& asked) {
        asked.text("check", health.termination->check)
            .text("reason", health.termination->reason)
            .text("requested", health.termination->requested)
            .text("boot", health.termination->boot)
            .text("id", health.termination->id);
        if (!health.termination->error.empty()) asked.text("error", health.termination->error);
      });
    all.list("history", health.history, write_event);
  });
  support::write_durably(path, json, file_mode);
}

std::string metrics_of(const Health& health) {
  support::Metrics metrics("jetpack_healthcheck_");
  metrics.metric("gauge", "passing", "1 while the check passes, otherwise 0.");
  for (const auto& [name, record] : health.checks)
    metrics.sample(record.last.state == State::passed ? 1 : 0,
                   {{"check", name}, {"state", name_of(record.last.state)}});
  metrics.metric("gauge", "duration_seconds", "How long the last run of the check took.");
  for (const auto& [name, record] : health.checks)
    metrics.sample_seconds(static_cast<double>(record.last.elapsed_ms) / 1000, {{"check", name}});
  const auto started = support::parse_iso_8601(health.started);
  metrics.add(
      "gauge", "last_run_timestamp_seconds", "When the checks were run last.",
      started ? static_cast<uint64_t>(std::max<int64_t>(support::unix_ms(*started), 0)) / 1000 : 0);
  return metrics.take();
}

std::string checks_as_json(const Health& health) {
  const auto add = [](support::JsonWriter& json, const auto& entry) {
    Object object(json);
    object.text("name", entry.first);
    write_record(object, entry.second);
  };
  return support::shown_json(support::json_array(health.checks, add));
}

std::string history_as_json(const Health& health) {
  return support::shown_json(support::json_array(health.history, write_event));
}

}  // namespace jetpack::healthcheck
