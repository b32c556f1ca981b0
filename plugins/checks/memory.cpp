// Errors that the memory controllers count: EDAC, see the kernel's admin-guide/RAS.
#include <algorithm>

#include "checks/checks_of_machine.hpp"
#include "checks/findings.hpp"

namespace jetpack::checks {

namespace {

constexpr std::string_view controllers = "/sys/devices/system/edac/mc/";
constexpr int64_t seconds_in_day = 86400;

// The labels of the modules for which `counter` is not 0: ", DIMM_A1".
std::string modules_with(const Machine& machine, const std::string& controller,
                         const char* counter) {
  std::string list;
  for (const auto& name : machine.names(controller)) {
    if (!name.starts_with("dimm") && !name.starts_with("rank")) continue;
    std::string module = controller;
    module.append("/").append(name);
    if (machine.number(module + '/' + counter).value_or(0) == 0) continue;
    const std::string label = machine.text(module + "/dimm_label").value_or("");
    list += ", " + (label.empty() ? name : label);
  }
  return list;
}

}  // namespace

Verdict check_memory(const Machine& machine, const Limits& limits) {
  Findings findings;
  size_t count = 0;
  for (const auto& name : machine.names(controllers)) {
    const std::string controller = std::string(controllers) + name;
    const auto uncorrected = machine.number(controller + "/ue_count");
    const auto corrected = machine.number(controller + "/ce_count");
    if (!uncorrected || !corrected) continue;
    ++count;
    if (*uncorrected > 0)
      findings.fail("memory controller " + name + ": " + std::to_string(*uncorrected) +
                    " uncorrected errors" + modules_with(machine, controller, "dimm_ue_count"));
    // In less than a day as many as in a day: what is broken need not last that long.
    const int64_t seconds = machine.number(controller + "/seconds_since_reset").value_or(0);
    const int64_t days = std::max<int64_t>(1, seconds / seconds_in_day);
    if (*corrected / days >= limits.memory_corrected)
      findings.warn("memory controller " + name + ": " + std::to_string(*corrected) +
                    " corrected errors in " + std::to_string(days) +
                    (days == 1 ? " day" : " days") +
                    modules_with(machine, controller, "dimm_ce_count"));
  }
  return findings.verdict(count == 0 ? "no memory controller counts errors here"
                                     : std::to_string(count) + " memory controllers without errors",
                          limits.may_terminate);
}

}  // namespace jetpack::checks
