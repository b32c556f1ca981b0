// The units, where systemd manages the machine.
#include <unistd.h>

#include <map>

#include <jetpack/plugin.hpp>
#include "doctor/areas.hpp"
#include "support/text.hpp"

namespace jetpack::doctor {

namespace {

constexpr std::chrono::seconds restart_time{30};

using Properties = std::map<std::string, std::string>;

Properties properties_of(const Call& call, const std::string& unit) {
  std::string text = systemctl(
      call, {"show", "--property=LoadState,UnitFileState,ActiveState,Result", unit + ".service"});
  Properties properties;
  for (std::string_view rest = text; !rest.empty();) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
    const size_t equals = line.find('=');
    if (equals != std::string_view::npos)
      properties.emplace(line.substr(0, equals), line.substr(equals + 1));
  }
  return properties;
}

void examine_unit(const Call& call, const std::string& unit, Report& report) {
  Properties properties = properties_of(call, unit);
  const std::string& load = properties["LoadState"];
  const std::string& enabled = properties["UnitFileState"];
  if (load == "masked") return report.found("unit-masked", unit + ".service is masked");
  if (load != "loaded")
    return report.found("unit-missing", unit + ".service is " + (load.empty() ? "unknown" : load));
  if (properties["ActiveState"] == "failed")
    report.found("unit-failed", unit + ".service has failed: " + properties["Result"],
                 restart_of(call, unit));
  if (enabled == "disabled")
    report.found("unit-disabled", unit + ".service is disabled");
  else
    report.passed(unit + ".service is " + enabled + ", " + properties["ActiveState"]);
}

}  // namespace

bool has_systemd() { return ::access("/run/systemd/system", F_OK) == 0; }

std::string systemctl(const Call& call, std::vector<std::string> arguments,
                      std::chrono::milliseconds time) {
  ProcessSpec spec{{"systemctl"}};
  for (auto& argument : arguments) spec.argv.push_back(std::move(argument));
  spec.deadline = time;
  const auto result = call.service<Process>().run(spec);
  if (result.timed_out) throw Error(Errc::unavailable, "systemctl timed out");
  if (result.exit_code != 0)
    throw Error(Errc::failed,
                "systemctl failed: " + support::one_line(support::trimmed(result.err)));
  return result.out;
}

Fix restart_of(const Call& call, const std::string& unit) {
  return {"systemctl restart " + unit, [&call, unit] {
            systemctl(call, {"restart", unit}, restart_time);
          }};
}

void examine_units(const Call& call, Report& report) {
  if (!has_systemd()) return report.skipped("systemd does not manage this machine");
  for (const char* unit : {"jetpackd", "healthcheck", "jetpack-converge"}) {
    try {
      examine_unit(call, unit, report);
    } catch (const Error& e) {
      report.skipped(e.what());
    }
  }
}

}  // namespace jetpack::doctor
