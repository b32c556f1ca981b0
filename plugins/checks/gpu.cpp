// GPUs that the driver does not answer for, that are hot, or whose memory is broken.
#include "checks/checks_of_machine.hpp"
#include "checks/findings.hpp"
#include "checks/nvml.hpp"

namespace jetpack::checks {

namespace {

// NVIDIA's display and 3D controllers on the PCI bus, whatever the driver says.
int64_t gpus_on_bus(const Machine& machine) {
  constexpr std::string_view devices = "/sys/bus/pci/devices/";
  int64_t count = 0;
  for (const auto& name : machine.names(devices)) {
    const std::string device = std::string(devices) + name;
    const std::string kind = machine.text(device + "/class").value_or("");
    if (machine.text(device + "/vendor") == "0x10de" && kind.starts_with("0x03")) ++count;
  }
  return count;
}

void examine(const Gpu& gpu, const std::string& title, const Limits& limits, Findings& findings) {
  if (!gpu.problem.empty()) return findings.fail(title + " does not answer: " + gpu.problem);
  if (gpu.has_remap_failed)
    findings.fail(title + ": its memory has no spare rows left; replace the GPU");
  if (gpu.uncorrected.value_or(0) > 0)
    findings.fail(title + ": " + std::to_string(*gpu.uncorrected) +
                  " uncorrected memory errors since the driver was loaded");
  if (gpu.is_remap_pending)
    findings.warn(title + ": broken memory rows are to be remapped; reset the GPU");
  if (gpu.temperature.value_or(0) >= limits.gpu_temperature)
    findings.warn(title + ": " + std::to_string(*gpu.temperature) + " C, the limit is " +
                  std::to_string(limits.gpu_temperature));
}

}  // namespace

Verdict check_gpu(const Machine& machine, const Limits& limits) {
  const int64_t on_bus = gpus_on_bus(machine);
  const int64_t expected = limits.gpu_count > 0 ? limits.gpu_count : on_bus;
  if (expected == 0) return Verdict::healthy("no NVIDIA GPU");
  const Gpus gpus = read_gpus();
  Findings findings;
  if (!gpus.is_installed) {
    findings.warn(std::to_string(on_bus) +
                  " NVIDIA GPUs, but libnvidia-ml.so.1 is missing; install the driver");
  } else if (!gpus.problem.empty()) {
    findings.fail("the NVIDIA driver does not answer: " + gpus.problem);
  } else if (static_cast<int64_t>(gpus.all.size()) < expected) {
    findings.fail("the NVIDIA driver has " + std::to_string(gpus.all.size()) + " GPUs, expected " +
                  std::to_string(expected));
  }
  for (size_t i = 0; i < gpus.all.size(); ++i)
    examine(gpus.all[i],
            "GPU " + std::to_string(i) +
                (gpus.all[i].name.empty() ? "" : " (" + gpus.all[i].name + ")"),
            limits, findings);
  return findings.verdict(std::to_string(gpus.all.size()) + " GPUs answer", limits.may_terminate);
}

}  // namespace jetpack::checks
