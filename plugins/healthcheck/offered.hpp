// The checks that plugins offer, beside the scripts of config/healthcheck.d.
#pragma once

#include <chrono>
#include <set>
#include <string>
#include <vector>

#include <jetpack/config.hpp>
#include <jetpack/process.hpp>
#include "healthcheck/checks.hpp"
#include "healthcheck/health_file.hpp"
#include "support/times.hpp"

namespace jetpack::healthcheck {

// The longest that a plugin's check may take, whatever it declares.
inline constexpr std::chrono::minutes longest_deadline{5};

// Those of all plugins. One whose name is in `taken`, or another plugin's, is named PLUGIN/NAME.
// Throws as support::read_plugin_offers.
std::vector<Check> offered_checks(const Process& process, const Config& config,
                                  std::set<std::string> taken);

// How long it is until the check is to be run again; zero or less: now. `ran` is when it last was.
std::chrono::milliseconds time_until_due(const Check& check, const std::string& ran,
                                         support::SystemTime now);

}  // namespace jetpack::healthcheck
