// Denies dangerous system calls to this process and all that it starts, by seccomp.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include <linux/filter.h>

#include "support/files.hpp"

namespace jetpack {

// The program, for seccomp(2). A denied call fails with EPERM: tracing, other processes' memory,
// mounting, kernel modules, another kernel, BPF and performance counters, unless the capability of
// that name is among `granted`; typing into the caller's terminal; signals to `monitor`, to its process
// group and to all processes at once. A call of another architecture than the host's fails with EPERM. With
// `counts_forks`, each fork waits for the listener's answer.
std::vector<sock_filter> call_filter(const std::vector<std::string>& granted, pid_t monitor,
                                     bool counts_forks);

// Puts the filter in force, for good. Root keeps the right to run set-user-ID programs; anyone else
// loses it, because the kernel demands that. Returns the listener, if one was asked for; nullopt, and
// the filter is not in force, when there is one already, of a plugin that we are part of: the kernel
// allows no second one. Throws Errc::unsupported.
std::optional<support::Fd> deny_calls(const std::vector<sock_filter>& filter, bool counts_forks);

}  // namespace jetpack
