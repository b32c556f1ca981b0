// What was found.
#include "doctor/report.hpp"

#include <unistd.h>

#include <algorithm>

#include <jetpack/error.hpp>
#include "support/json_writer.hpp"

namespace jetpack::doctor {

namespace {

void write_finding(support::JsonWriter& writer, const Finding& finding) {
  support::Object json(writer);
  json.text("id", finding.what->id)
      .text("severity", support::name_of(finding.what->severity))
      .text("cause", finding.what->cause)
      .text("evidence", finding.evidence)
      .text("remedy", finding.what->remedy);
  if (finding.fix.empty()) return;
  json.text("fix", finding.fix).boolean("fixed", finding.is_fixed);
  if (!finding.fix_error.empty()) json.text("fix_error", finding.fix_error);
}

}  // namespace

void Report::found(std::string_view id, std::string evidence) {
  findings_.push_back({&support::diagnosis(id), std::move(evidence), {}, {}, false});
}

void Report::found(std::string_view id, std::string evidence, const Fix& fix) {
  Finding finding{&support::diagnosis(id), std::move(evidence), fix.description, {}, false};
  if (is_fixing_ && ::geteuid() != 0) finding.fix_error = "only root can do this";
  if (is_fixing_ && finding.fix_error.empty()) {
    try {
      fix.apply();
      finding.is_fixed = true;
    } catch (const Error& e) {
      finding.fix_error = e.what();
    }
  }
  findings_.push_back(std::move(finding));
}

bool Report::has_error() const {
  return std::any_of(findings_.begin(), findings_.end(), [](const Finding& finding) {
    return finding.what->severity == support::Severity::error && !finding.is_fixed;
  });
}

std::string Report::to_json() const {
  return support::json_object([&](support::Object& json) {
    json.text("area", area_)
        .texts("passed", passed_)
        .texts("skipped", skipped_)
        .list("findings", findings_, write_finding);
  });
}

void Report::add(const rapidjson::Value& json) {
  const auto each = [&](const char* name, const auto& take) {
    const auto* list = support::find_member(json, name);
    if (list != nullptr && list->IsArray())
      for (const auto& element : list->GetArray()) take(element);
  };
  each("passed", [&](const auto& text) { passed(std::string(support::text_of(text))); });
  each("skipped", [&](const auto& text) { skipped(std::string(support::text_of(text))); });
  each("findings", [&](const auto& finding) {
    const auto* fixed = support::find_member(finding, "fixed");
    findings_.push_back(
        {&support::diagnosis(support::text_or(finding, "id", "")),
         support::text_or(finding, "evidence", ""), support::text_or(finding, "fix", ""),
         support::text_or(finding, "fix_error", ""), fixed != nullptr && fixed->IsTrue()});
  });
}

}  // namespace jetpack::doctor
