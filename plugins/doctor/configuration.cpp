// The configuration's files and settings.
#include <jetpack/plugin.hpp>
#include "doctor/areas.hpp"
#include "support/ini.hpp"
#include "support/json.hpp"
#include "support/plugin_offers.hpp"
#include "support/settings.hpp"

namespace jetpack::doctor {

namespace {

void report_error(const Error& e, Report& report) {
  report.found(e.code() == Errc::denied ? "configuration-unreadable" : "configuration-invalid",
               e.what());
}

void examine_files(const Config& config, Report& report) {
  size_t count = 0;
  const auto examine = [&](const char* name, const auto& read) {
    try {
      if (read(config.path(name))) ++count;
    } catch (const Error& e) {
      report_error(e, report);
    }
  };
  for (const char* name :
       {"config/connection.json", "config/node.json", "config/configuration.json",
        "config/properties.json", "config/auth.json"})
    examine(name, [](const std::string& path) { return support::Json::read(path).has_value(); });
  examine("config/jetpack.ini",
          [](const std::string& path) { return support::Ini::read(path).has_value(); });
  report.passed(std::to_string(count) + (count == 1 ? " file" : " files") + " read");
}

void examine_identity(const Call& call, Report& report) {
  try {
    const auto session = call.service<Session>();
    for (const char* fact : {"url", "cluster", "username"})
      if (!session.identity(fact))
        return report.found("not-configured",
                            "this node's " + std::string(fact) + " is not configured");
    report.passed("cluster " + *session.identity("cluster") + ", server " +
                  *session.identity("url"));
    if (const auto node = session.identity("node"))
      report.passed("node " + *node);
    else
      report.found("node-name-missing", "neither config/jetpack.ini nor the configuration has it");
  } catch (const Error& e) {
    report_error(e, report);
  }
}

// Of the settings that plugins read. Plugins that cannot be listed are another area's finding.
std::vector<std::string> plugin_problems(const Call& call, const Config& config) {
  try {
    return support::plugin_setting_problems(
        config, support::read_plugin_offers(call.service<Process>(), config.path("")));
  } catch (const Error&) {
    return {};
  }
}

}  // namespace

void examine_configuration(const Call& call, Report& report) {
  const auto config = call.service<Config>();
  examine_files(config, report);
  // The same files again: what is wrong with them is said once.
  if (report.has_error()) return;
  examine_identity(call, report);
  auto problems = support::setting_problems(config);
  for (auto& problem : plugin_problems(call, config)) problems.push_back(std::move(problem));
  for (const auto& problem : problems)
    report.found(problem.starts_with("unknown ") ? "setting-unknown" : "setting-invalid", problem);
  if (problems.empty()) report.passed("all settings are valid");
}

}  // namespace jetpack::doctor
