// The texts of a converge's results.
#include "converge/report.hpp"

#include "support/text.hpp"

namespace jetpack::converge {

namespace {

Failure of_script(const support::Spec& spec, const std::string& path) {
  Failure failure;
  failure.script = path;
  failure.project = spec.project;
  failure.spec = spec.name;
  failure.recommendation = "Edit and re-upload the script to correct the error and try again";
  return failure;
}

void add_text(support::Object& object, std::string_view name, const std::string& text) {
  if (!text.empty()) object.text(name, text);
}

}  // namespace

std::string text_of(const Failure& failure) {
  std::string text = failure.description;
  if (!failure.recommendation.empty()) text += "\nRecommendation: " + failure.recommendation;
  if (!failure.detail.empty()) text += '\n' + failure.detail;
  while (text.ends_with('\n')) text.pop_back();
  return text;
}

void write_step(support::JsonWriter& json, const Step& step) {
  support::Object object(json);
  object.text("action", step.action).text("status", step.status).text("name", step.name);
  add_text(object, "project", step.project);
  add_text(object, "spec", step.spec);
  add_text(object, "stage", step.stage);
  add_text(object, "path", step.path);
  add_text(object, "log", step.log);
  add_text(object, "why", step.why);
  if (step.code) object.number("return_code", *step.code);
  object.number("elapsed_ms", step.elapsed_ms);
}

Failed::Failed(Failure failure)
    : Error(Errc::failed, text_of(failure)), failure_(std::move(failure)) {}

Failure failure_of(const Error& error) {
  if (const auto* failed = dynamic_cast<const Failed*>(&error)) return failed->failure();
  const std::string text = error.what();
  const size_t end = text.find('\n');
  Failure failure;
  failure.description = text.substr(0, end);
  if (end != std::string::npos) failure.detail = text.substr(end + 1);
  const size_t advice = failure.description.rfind("; ");
  if (advice == std::string::npos || advice + 2 == failure.description.size()) {
    failure.recommendation = "Correct the cause, then run jetpack converge again";
  } else {
    failure.recommendation = failure.description.substr(advice + 2);
    failure.description.resize(advice);
    if (failure.recommendation.front() >= 'a' && failure.recommendation.front() <= 'z')
      failure.recommendation.front() -= 'a' - 'A';
  }
  return failure;
}

Failure script_failure(const support::Spec& spec, const std::string& path, int code,
                       const std::string& tail) {
  Failure failure = of_script(spec, path);
  failure.description = "Failed to execute cluster-init script '" + support::one_line(path) +
                        "' in project '" + spec.project +
                        "' (return code: " + std::to_string(code) + ')';
  failure.detail = "Script output:\n" + tail;
  failure.code = code;
  return failure;
}

Failure start_failure(const support::Spec& spec, const std::string& path, const std::string& why) {
  Failure failure = of_script(spec, path);
  failure.description = "Failed to execute cluster-init script '" + support::one_line(path) +
                        "' in project '" + spec.project + "': " + why;
  return failure;
}

void write_failure(support::Object& object, const Failure& failure) {
  object.text("description", failure.description);
  add_text(object, "recommendation", failure.recommendation);
  add_text(object, "detail", failure.detail);
  add_text(object, "script", failure.script);
  add_text(object, "project", failure.project);
  add_text(object, "spec", failure.spec);
  if (failure.code) object.number("return_code", *failure.code);
}

std::string installation_data(const Failure& failure) {
  return support::json_object([&](support::Object& data) {
    data.text("status", "error").text("message", text_of(failure));
    write_failure(data, failure);
  });
}

std::string with_version(const support::Spec& spec) {
  if (spec.version.empty()) return spec.project;
  return spec.project + (spec.version.starts_with('v') ? " " : " v") + spec.version;
}

}  // namespace jetpack::converge
