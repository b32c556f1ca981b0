// Reads and writes config/converge.json.
#include "converge/history.hpp"

#include <algorithm>

#include "support/files.hpp"
#include "support/json.hpp"
#include "support/utf8.hpp"

namespace jetpack::converge {

namespace {

using support::text_or;

constexpr uint64_t max_history = 16 << 20;
constexpr unsigned history_mode = 0640;
constexpr size_t most_runs = 20;
constexpr size_t most_steps = 500;
constexpr size_t max_detail = 16 << 10;

std::optional<int64_t> code_in(const rapidjson::Value& value) {
  const auto* code = support::find_member(value, "return_code");
  if (code == nullptr || !code->IsInt64()) return std::nullopt;
  return code->GetInt64();
}

Step step_from(const rapidjson::Value& value) {
  Step step;
  step.action = text_or(value, "action", "");
  step.status = text_or(value, "status", "");
  step.name = text_or(value, "name", "");
  step.project = text_or(value, "project", "");
  step.spec = text_or(value, "spec", "");
  step.stage = text_or(value, "stage", "");
  step.path = text_or(value, "path", "");
  step.log = text_or(value, "log", "");
  step.why = text_or(value, "why", "");
  step.code = code_in(value);
  step.elapsed_ms = static_cast<int64_t>(support::number_or(value, "elapsed_ms", 0));
  return step;
}

Failure failure_from(const rapidjson::Value& value) {
  Failure failure;
  failure.description = text_or(value, "description", "");
  failure.recommendation = text_or(value, "recommendation", "");
  failure.detail = text_or(value, "detail", "");
  failure.script = text_or(value, "script", "");
  failure.project = text_or(value, "project", "");
  failure.spec = text_or(value, "spec", "");
  failure.code = code_in(value);
  return failure;
}

Run run_from(const rapidjson::Value& value) {
  Run run;
  run.started = text_or(value, "started", "");
  run.ended = text_or(value, "ended", "");
  run.status = text_or(value, "status", "");
  run.mode = text_or(value, "mode", "");
  run.elapsed_ms = static_cast<int64_t>(support::number_or(value, "elapsed_ms", 0));
  if (const auto* steps = support::find_member(value, "steps");
      steps != nullptr && steps->IsArray())
    for (const auto& step : steps->GetArray()) run.steps.push_back(step_from(step));
  if (const auto* failure = support::find_member(value, "failure");
      failure != nullptr && failure->IsObject())
    run.failure = failure_from(*failure);
  return run;
}

void limit(Run& run) {
  if (run.steps.size() > most_steps) {
    const auto is_idle = [](const Step& step) { return step.status == "skipped"; };
    run.steps.erase(std::remove_if(run.steps.begin(), run.steps.end(), is_idle), run.steps.end());
  }
  if (run.steps.size() > most_steps)
    run.steps.erase(run.steps.begin(), run.steps.end() - static_cast<std::ptrdiff_t>(most_steps));
  if (run.failure) run.failure->detail = support::cut(run.failure->detail, max_detail);
}

}  // namespace

void write_run(support::JsonWriter& json, const Run& run) {
  support::Object object(json);
  object.text("started", run.started)
      .text("ended", run.ended)
      .text("status", run.status)
      .text("mode", run.mode)
      .number("elapsed_ms", run.elapsed_ms)
      .list("steps", run.steps, write_step);
  if (run.failure)
    object.object("failure", [&](support::Object& inner) { write_failure(inner, *run.failure); });
}

History read_history(const std::string& path) {
  History history;
  const auto text = support::read_file(path, max_history);
  if (!text) return history;
  const auto document = support::parse_json(*text, path);
  history.configured = text_or(document, "configured", "");
  const auto* list = support::find_member(document, "runs");
  if (list == nullptr || !list->IsArray()) return history;
  for (const auto& value : list->GetArray()) history.runs.push_back(run_from(value));
  return history;
}

void store_run(const std::string& path, Run run) {
  History history;
  try {
    history = read_history(path);
  } catch (const Error& e) {
    if (e.code() != Errc::corrupt) throw;
    support::move_aside(path);
  }
  limit(run);
  auto& runs = history.runs;
  if (!runs.empty() && runs.back().started == run.started) runs.pop_back();
  if (run.status == "ok" && history.configured.empty()) history.configured = run.ended;
  runs.push_back(std::move(run));
  if (runs.size() > most_runs)
    runs.erase(runs.begin(), runs.end() - static_cast<std::ptrdiff_t>(most_runs));
  const std::string json = support::json_object([&](support::Object& all) {
    if (!history.configured.empty()) all.text("configured", history.configured);
    all.list("runs", runs, write_run);
  });
  support::write_durably(path, json, history_mode);
}

}  // namespace jetpack::converge
