// A cycle: runs all checks, records what they show, and tells the cluster.
#pragma once

#include <chrono>
#include <optional>
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

// Which of the checks run.
struct Selection {
  std::string name = {};         // this one alone; empty: all
  bool is_due_only = false;      // those of plugins when they are due
  bool is_plugins_only = false;  // no others
};

// What a run of checks has shown.
struct Ran {
  std::vector<Result> results;
  std::vector<std::string> kept;  // checks that were left out
  // Until the next check of a plugin is due; none when plugins have no checks.
  std::optional<std::chrono::milliseconds> next;
};

// Runs the checks and does nothing else. Throws Errc::not_found when there is none of the name. Of
// those in `known` that the kernel still does not end none is started again.
Ran run_all(const Call& call, const Settings& settings, const Selection& selection,
            const Health& known);

// The checks that there are now, with what is known of each.
Health list_checks(const Call& call, const Health& known);

// Runs the checks, writes run/health.json, reports conditions, and asks the cluster to terminate
// the node for which a check asks.
Ran run_cycle(const Call& call, const Settings& settings, const Selection& selection);

}  // namespace jetpack::healthcheck
