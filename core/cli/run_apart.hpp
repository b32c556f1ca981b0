// Runs what was admitted in a process of its own, and keeps account of how it ended.
#pragma once

#include <functional>

#include "loader/admission.hpp"
#include "loader/note.hpp"
#include "loader/registry.hpp"
#include "services/host_services.hpp"

namespace jetpack {

// Runs `body` isolated, reports what it throws as coming from `command`, and returns the exit code. A
// fault is logged; the third crash of a bundle disables it. `may_exec`: see Isolation.
int run_apart(const Plugin& plugin, const Admission& admission, const CommandNote& command,
              HostServices& services, bool may_exec, const std::function<int()>& body);

// Ends this process when all has been said about the plugin. Nothing of ours is left to be done, and to
// return would take apart what was read, on pages that have to be copied or faulted in since the fork.
[[noreturn]] void end_apart(HostServices& services, int code);

}  // namespace jetpack
