// A cycle: runs all checks, records what they show, and tells the cluster.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include <jetpack/call.hpp>
#include <jetpack/config.hpp>
#include "healthcheck/checks.hpp"
#include "healthcheck/health_file.hpp"
#include "healthcheck/runner.hpp"

namespace jetpack::healthcheck {

// The settings of a node.
struct Settings {
  std::chrono::seconds interval{600};
  Limits limits;
  int64_t strikes = 1;
  int64_t recovery = 1;
  std::chrono::seconds converge_timeout{14400};
};

// Reads them; a line for each invalid value goes to standard error.
Settings read_settings(const Call& call);

// A check and what it has shown.
struct Result {
  std::string name;
  Outcome outcome;
};

// Runs the checks, or the one of this name, and does nothing else. Throws Errc::not_found when
// there is none. Of those in `known` that the kernel still does not end none is started again.
std::vector<Result> run_all(const Call& call, const Settings& settings, const std::string& name,
                            const Health& known);

// The checks that there are now, with what is known of each.
Health list_checks(const Config& config, const Health& known);

// Runs all checks, writes run/health.json, reports conditions, and asks the cluster to terminate
// the node for which a check asks.
std::vector<Result> run_cycle(const Call& call, const Settings& settings);

}  // namespace jetpack::healthcheck
