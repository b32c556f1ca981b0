// The checks that are part of jetpack.
#pragma once

#include <chrono>
#include <string>

#include "healthcheck/checks.hpp"
#include "support/times.hpp"

namespace jetpack::healthcheck {

inline constexpr const char* converge_timeout_name = "converge_timeout";
inline constexpr const char* scheduled_shutdown_name = "scheduled_shutdown";

// How long the node has had the chance to be configured: since its machine was started, or since one
// of these files, its connection and its configuration, was written where that was later.
std::chrono::seconds time_to_configure(const std::vector<std::string>& files);

// Unhealthy when the node has had no complete configuration for `timeout`; zero: never.
Outcome check_converge_timeout(bool is_configured, std::chrono::seconds timeout,
                               std::chrono::seconds age);

// Unhealthy when the earliest time in a file of the directory has passed: seconds since 1970 on the
// first line, an explanation on the second. The directory may be another's who shares run/: what
// is there is data, no link is followed, and what is not valid is named.
Outcome check_scheduled_shutdown(const std::string& directory, support::SystemTime now);

}  // namespace jetpack::healthcheck
