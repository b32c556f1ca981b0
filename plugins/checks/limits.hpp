// The settings of the checks, as they were read for one run.
#pragma once

#include <chrono>
#include <cstdint>

namespace jetpack::checks {

struct Limits {
  int64_t gpu_count = 0;           // GPUs the node must have; 0: as many as are on the PCI bus
  int64_t gpu_temperature = 90;    // degrees Celsius that are a warning
  int64_t infiniband_ports = 0;    // ports that must be active; 0: all there are
  int64_t infiniband_flaps = 3;    // link losses of a port within the window that are a warning
  int64_t memory_corrected = 100;  // corrected errors of a memory controller in a day
  int64_t disk_free = 5;           // percent of a file system, and of its inodes
  std::chrono::milliseconds clock_error{1000};
  std::chrono::milliseconds kernel_window{3'600'000};  // how long a kernel message counts
  bool may_terminate = false;  // ask for the end of a node that cannot be used
};

}  // namespace jetpack::checks
