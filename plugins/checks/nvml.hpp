// NVIDIA's management library, as far as the checks use it. It belongs to the driver, so it is found at
// run time, and there is none on a node without GPUs. Source of the names and numbers: nvml.h of CUDA.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace jetpack::checks {

// What the library says of a GPU; nullopt where it does not know.
struct Gpu {
  std::string name;
  std::string problem;  // why it does not answer; empty: it does
  std::optional<int64_t> temperature;
  std::optional<uint64_t> uncorrected;  // memory errors since the driver was loaded
  bool is_remap_pending = false;        // a reset takes broken memory rows out of use
  bool has_remap_failed = false;        // there are no spare rows left
};

struct Gpus {
  bool is_installed = false;  // the library is there
  std::string problem;        // why it cannot be used
  std::vector<Gpu> all;
};

// Loads the library and asks for all GPUs. It may hang with a broken driver: give it a deadline.
Gpus read_gpus();

}  // namespace jetpack::checks
