// Whether the clock is synchronized: what the kernel and chrony say.
#include <jetpack/error.hpp>
#include "checks/checks_of_machine.hpp"
#include "checks/findings.hpp"
#include "support/text.hpp"

namespace jetpack::checks {

namespace {

constexpr std::chrono::minutes time_to_synchronize{10};

// The last field of `chronyc -c tracking`; "" without chrony.
std::string leap_status(const Machine& machine, const Process& process) {
  try {
    ProcessSpec spec{.argv = {machine.path("/usr/bin/chronyc"), "-n", "-c", "tracking"}};
    spec.deadline = std::chrono::seconds(5);
    const auto result = process.run(spec);
    if (result.exit_code != 0) return {};
    const std::string line(support::trimmed(result.out));
    return line.substr(line.rfind(',') + 1);
  } catch (const Error&) {
    return {};
  }
}

}  // namespace

Verdict check_clock(const Machine& machine, const Limits& limits, const Process& process) {
  const auto clock = machine.clock();
  // chrony without "rtcsync" does not tell the kernel, so it is asked as well.
  const std::string leap = leap_status(machine, process);
  if (!clock && leap.empty()) return Verdict::unknown("cannot read the state of the clock");
  Findings findings;
  const bool is_synchronized = leap.empty() ? clock->is_synchronized : leap != "Not synchronised";
  if (!is_synchronized && machine.uptime() > time_to_synchronize)
    findings.warn(leap.empty() ? "the clock is not synchronized; is chronyd running?"
                               : "chrony: the clock is not synchronized; see 'chronyc sources'");
  if (clock && clock->is_synchronized && clock->max_error > limits.clock_error)
    findings.warn("the clock may be off by " + std::to_string(clock->max_error.count() / 1000) +
                  " ms, the limit is " + std::to_string(limits.clock_error.count()) + " ms");
  return findings.verdict(is_synchronized ? "synchronized" : "not yet synchronized", false);
}

}  // namespace jetpack::checks
