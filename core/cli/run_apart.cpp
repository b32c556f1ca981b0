// Runs what was admitted in a process of its own, and keeps account of how it ended.
#include "cli/run_apart.hpp"

#include <unistd.h>

#include <jetpack/boundary.hpp>
#include "cli/report.hpp"
#include "loader/audit.hpp"
#include "loader/isolation.hpp"
#include "loader/plugin_state.hpp"

namespace jetpack {

namespace {

// Counts what a bundle does to itself; the third time disables it.
void remember_crash(const Admission& admission, const std::string& what) {
  try {
    const PluginState state = record_crash(admission.tree, admission.id, what);
    if (!state.disabled) return;
    tell("jetpack: plugin " + admission.id + " is now disabled, because it crashed " +
         std::to_string(state.crashes) + " times; enable it with 'jetpack plugin enable " +
         admission.id + "'");
    write_audit(admission.tree, {"disable", admission.id, "", "", true, what});
  } catch (const Error&) {
    // Who may not write the tree cannot disable a plugin for others.
  }
}

void log_fault(const HostServices& services, const std::string& name, const Ending& ending) {
  std::string text = "plugin " + name + ' ' + ending.fault;
  if (!ending.last_words.empty()) text += "; it wrote last:\n" + ending.last_words;
  const jp_log& log = services.log().table();
  log.write(log.self, JP_LEVEL_ERROR, boundary::borrow(text));
}

}  // namespace

void end_apart(HostServices& services, int code) {
  services.self().end();
  ::_exit(code);
}

int run_apart(const Plugin& plugin, const Admission& admission, const CommandNote& command,
              HostServices& services, bool may_exec, const std::function<int()>& body) {
  Isolation isolation;
  isolation.name = plugin.note->id() + " in 'jetpack " + command.name + "'";
  isolation.limits = admission.limits;
  isolation.may_exec = may_exec;
  if (admission.is_bundle) isolation.granted = admission.capabilities;
  const Ending ending =
      run_isolated(isolation, [&] { return report_failure(command, plugin, body); });
  if (!ending.fault.empty()) log_fault(services, isolation.name, ending);
  if (ending.crashed && admission.is_bundle)
    remember_crash(admission, "jetpack " + command.name + ' ' + ending.fault);
  return ending.code;
}

}  // namespace jetpack
