// The bundle jetpack.checks: health checks of what breaks on HPC nodes. README.md describes each.
#include <jetpack/plugin.hpp>
#include "checks/checks_of_machine.hpp"

namespace {

using jetpack::Call;
using jetpack::Verdict;
using jetpack::checks::Limits;
using jetpack::checks::Machine;

constexpr auto gpu_count =
    jetpack::setting("jetpack.checks.gpu_count",
                     "GPUs that the node must have; 0: as many as are on the PCI bus")
        .integer(0, 64)
        .fallback("0");
constexpr auto gpu_temperature = jetpack::setting("jetpack.checks.gpu_temperature",
                                                  "Temperature of a GPU that is a warning, in C")
                                     .integer(30, 150)
                                     .fallback("90");
constexpr auto infiniband_ports =
    jetpack::setting("jetpack.checks.infiniband_ports",
                     "InfiniBand ports that must be active; 0: all that are not disabled")
        .integer(0, 64)
        .fallback("0");
constexpr auto infiniband_flaps =
    jetpack::setting("jetpack.checks.infiniband_flaps",
                     "Link losses of a port within the window that are a warning")
        .integer(1, 100)
        .fallback("3");
constexpr auto memory_corrected =
    jetpack::setting("jetpack.checks.memory_corrected",
                     "Corrected errors of a memory controller in a day that are a warning")
        .integer(1, 1'000'000)
        .fallback("100");
constexpr auto disk_free =
    jetpack::setting("jetpack.checks.disk_free",
                     "Percent of a file system's space or inodes below which it is a warning")
        .integer(0, 50)
        .fallback("5");
constexpr auto clock_error =
    jetpack::setting("jetpack.checks.clock_error", "Error of the clock that is a warning")
        .duration()
        .fallback("1s");
constexpr auto window =
    jetpack::setting("jetpack.checks.window",
                     "How long a message of the kernel, or the loss of a link, counts")
        .duration()
        .fallback("1h");
constexpr auto terminate =
    jetpack::setting("jetpack.checks.terminate",
                     "Ask the cluster to terminate a node that a check finds unfit for jobs")
        .flag()
        .fallback("false");

Limits limits_of(const Call& call) {
  Limits limits;
  limits.gpu_count = *read_integer(call, gpu_count);
  limits.gpu_temperature = *read_integer(call, gpu_temperature);
  limits.infiniband_ports = *read_integer(call, infiniband_ports);
  limits.infiniband_flaps = *read_integer(call, infiniband_flaps);
  limits.memory_corrected = *read_integer(call, memory_corrected);
  limits.disk_free = *read_integer(call, disk_free);
  limits.clock_error = *read_duration(call, clock_error);
  limits.kernel_window = *read_duration(call, window);
  limits.may_terminate = read_flag(call, terminate);
  return limits;
}

template <Verdict (*Check)(const Machine&, const Limits&)>
Verdict run(const Call& call) {
  return Check(Machine::find(), limits_of(call));
}

Verdict run_infiniband(const Call& call) {
  return jetpack::checks::check_infiniband(Machine::find(), limits_of(call),
                                           call.service<jetpack::Config>().path("run/checks.json"));
}

Verdict run_clock(const Call& call) {
  return jetpack::checks::check_clock(Machine::find(), limits_of(call),
                                      call.service<jetpack::Process>());
}

}  // namespace

JETPACK_PLUGIN(
    "jetpack.checks", JETPACK_CHECKS_VERSION, jetpack::needs<jetpack::Config, jetpack::Process>(),
    jetpack::check("gpu", "NVIDIA GPUs answer, are cool, and their memory is sound",
                   run<jetpack::checks::check_gpu>)
        .every("60s")
        .deadline("30s"),
    jetpack::check("gpu-xid", "NVIDIA's driver reports no error of the hardware",
                   run<jetpack::checks::check_gpu_xid>)
        .every("60s")
        .deadline("10s"),
    jetpack::check("infiniband", "InfiniBand ports are active and keep their link", run_infiniband)
        .every("60s")
        .deadline("10s"),
    jetpack::check("memory", "The memory controllers count few errors",
                   run<jetpack::checks::check_memory>)
        .every("5m")
        .deadline("10s"),
    jetpack::check("filesystems", "File systems are mounted, writable and not full",
                   run<jetpack::checks::check_filesystems>)
        .every("60s")
        .deadline("20s"),
    jetpack::check("disk-errors", "The kernel reports no I/O error",
                   run<jetpack::checks::check_disk_errors>)
        .every("60s")
        .deadline("10s"),
    jetpack::check("clock", "The clock is synchronized", run_clock).every("5m").deadline("10s"),
    jetpack::check("oom", "No process was killed for want of memory",
                   run<jetpack::checks::check_oom>)
        .every("60s")
        .deadline("10s"),
    gpu_count, gpu_temperature, infiniband_ports, infiniband_flaps, memory_corrected, disk_free,
    clock_error, window, terminate);
