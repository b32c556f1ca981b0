// The specs that are applied: those of the configuration that are there.
#pragma once

#include <string>
#include <vector>

#include "support/script_environment.hpp"

namespace jetpack::converge {

// Without repetitions. Throws Errc::corrupt when a spec is there in two versions: both would be in
// the same directory.
std::vector<support::Spec> distinct_specs(const std::vector<support::Spec>& specs);

// Those that are on disk. Throws Errc::not_found for one that is missing and not optional; `skipped`
// gets the names of those that are.
std::vector<support::Spec> present_specs(const std::string& directory,
                                         const std::vector<support::Spec>& specs,
                                         std::vector<std::string>& skipped);

}  // namespace jetpack::converge
