// The messages "installation" and "converge".
#include "converge/cluster_report.hpp"

#include <algorithm>

#include <jetpack/messages.hpp>
#include "support/json_writer.hpp"
#include "support/random.hpp"

namespace jetpack::converge {

namespace {

using std::chrono::milliseconds;

// As the message has it.
const char* reported_status(const std::string& status) {
  if (status == "ran") return "ok";
  if (status == "failed") return "error";
  return status == "skipped" ? "skipped" : "running";
}

// As a shell has it: 137 for one that signal 9 has ended.
int64_t reported_code(int64_t code) { return code < 0 ? 128 - code : code; }

void write_reported(support::JsonWriter& json, size_t number, const Step& step, const Run& run) {
  const bool has_ended = step.status != "running";
  support::Object object(json);
  object.number("number", number)
      .text("name", step.action)
      .text("project", step.project)
      .text("spec", step.spec)
      .text("script", step.action == "script" ? step.name : "")
      .text("status", reported_status(step.status));
  if (has_ended) object.number("duration_ms", step.elapsed_ms);
  if (step.code) object.number("return_code", reported_code(*step.code));
  if (step.status == "failed" && run.failure)
    object.text("output",
                run.failure->detail.empty() ? run.failure->description : run.failure->detail);
}

}  // namespace

ClusterReport::ClusterReport(const Session& session, Narrator& narrator, bool waits)
    : session_(session), narrator_(narrator), waits_(waits), id_(support::random_uuid()) {}

// That it cannot be reported does not end a converge.
void ClusterReport::publish(std::string_view type, const std::string& data) {
  try {
    session_.publish(type, data,
                     waits_ ? std::optional<milliseconds>() : std::optional(milliseconds{0}));
  } catch (const Error& e) {
    narrator_.warn("cannot report to the cluster: " + std::string(e.what()));
  }
}

std::string ClusterReport::converge_data(const Run& run, const std::string& message) {
  const size_t first = std::exchange(reported_, run.steps.size());
  if (!run.steps.empty() && run.steps.back().status == "running") --reported_;
  return support::json_object([&](support::Object& data) {
    data.text("run", id_)
        .text("mode", run.mode)
        .text("started", run.started)
        .text("status", run.status == "failed" ? "error" : run.status)
        .text("message", message);
    std::vector<size_t> numbers;
    for (size_t i = first; i < run.steps.size(); ++i) numbers.push_back(i);
    data.list("steps", numbers, [&](support::JsonWriter& json, size_t number) {
      write_reported(json, number, run.steps[number], run);
    });
  });
}

void ClusterReport::announce(const Run& run, const std::string& what) {
  publish("installation", installation_message(Installation::running, {.message = what}).data);
  publish("converge", converge_data(run, what));
}

void ClusterReport::finish(const Run& run) {
  publish("converge", converge_data(run, run.failure ? run.failure->description : ""));
  publish("installation", run.failure ? installation_data(*run.failure) : R"({"status":"ok"})");
}

}  // namespace jetpack::converge
