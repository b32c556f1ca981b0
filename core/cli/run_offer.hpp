// `jetpack plugin offer ID KIND NAME`: runs what a plugin offers besides commands, for the daemons.
#pragma once

#include <string>
#include <vector>

#include "loader/registry.hpp"
#include "services/config/home.hpp"

namespace jetpack {

// Whether these words ask for it. It is in no listing: people run checks by `jetpack healthcheck`.
bool is_offer_call(const std::vector<std::string>& words);

// Runs "check NAME", "timer NAME" or "hook EVENT" of the plugin ID as if it were a command of that
// name. A hook reads its event as JSON from standard input. Returns the exit code.
int run_offer(const std::vector<std::string>& words, Registry& registry, const Home& home,
              const std::string& module_directory);

}  // namespace jetpack
