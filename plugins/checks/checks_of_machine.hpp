// The checks: each reads the machine and says what it found.
#pragma once

#include <jetpack/offers.hpp>
#include <jetpack/process.hpp>
#include "checks/limits.hpp"
#include "checks/machine.hpp"

namespace jetpack::checks {

// GPUs that the driver does not answer for, that are hot, or whose memory is broken: through NVML.
Verdict check_gpu(const Machine& machine, const Limits& limits);
// What NVIDIA's driver reports in the kernel's log.
Verdict check_gpu_xid(const Machine& machine, const Limits& limits);
// Ports that are not active or lose their link. `state_file` keeps the counters between runs.
Verdict check_infiniband(const Machine& machine, const Limits& limits,
                         const std::string& state_file);
// Errors that the memory controllers count: EDAC.
Verdict check_memory(const Machine& machine, const Limits& limits);
// File systems that are full, read-only or missing.
Verdict check_filesystems(const Machine& machine, const Limits& limits);
// I/O errors in the kernel's log.
Verdict check_disk_errors(const Machine& machine, const Limits& limits);
// Whether the clock is synchronized.
Verdict check_clock(const Machine& machine, const Limits& limits, const Process& process);
// Processes that were killed because the machine had no memory left.
Verdict check_oom(const Machine& machine, const Limits& limits);

}  // namespace jetpack::checks
