// What `jetpack plugin check` found of a plugin, and how it is shown.
#include "authoring/findings.hpp"

#include <algorithm>

#include "support/json_writer.hpp"
#include "support/text.hpp"

namespace jetpack::authoring {

namespace {

std::string_view name_of(Level level) {
  switch (level) {
    case Level::ok:
      return "ok";
    case Level::warning:
      return "warning";
    case Level::error:
      return "error";
  }
  return "";
}

std::string counted(size_t count, std::string_view what) {
  return std::to_string(count) + ' ' + std::string(what) + (count == 1 ? "" : "s");
}

}  // namespace

size_t Findings::count(Level level) const {
  return static_cast<size_t>(
      std::count_if(all_.begin(), all_.end(),
                    [level](const Finding& finding) { return finding.level == level; }));
}

std::string shown_findings(const std::vector<Findings>& plugins) {
  std::string text;
  for (const auto& plugin : plugins) {
    text += support::one_line(plugin.path());
    if (!plugin.id().empty()) text += ": " + plugin.id() + ' ' + plugin.version();
    text += '\n';
    for (const auto& finding : plugin.all()) {
      constexpr size_t level_width = 9, check_width = 22;
      text += "  " + support::padded(std::string(name_of(finding.level)), level_width) +
              support::padded(std::string(finding.check), check_width) +
              support::one_line(finding.text) + '\n';
    }
    text += "  " + counted(plugin.count(Level::error), "error") + ", " +
            counted(plugin.count(Level::warning), "warning") + '\n';
  }
  return text;
}

std::string findings_json(const std::vector<Findings>& plugins) {
  return support::shown_json(support::json_array(plugins, [](support::JsonWriter& json,
                                                             const Findings& plugin) {
    support::Object object(json);
    object.text("path", plugin.path());
    if (!plugin.id().empty()) object.text("id", plugin.id()).text("version", plugin.version());
    object.boolean("passed", plugin.count(Level::error) == 0);
    object.list("findings", plugin.all(), [](support::JsonWriter& inner, const Finding& finding) {
      support::Object(inner)
          .text("level", name_of(finding.level))
          .text("check", finding.check)
          .text("text", finding.text);
    });
  }));
}

}  // namespace jetpack::authoring
