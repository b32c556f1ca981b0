// What a plugin's process may use: by its bundle's manifest, and at most by the policy.
#pragma once

#include <cstdint>
#include <optional>

namespace jetpack {

// nullopt: says nothing about it.
struct Limits {
  std::optional<uint64_t> memory;     // bytes of address space
  std::optional<uint64_t> processes;  // at one time
  std::optional<uint64_t> files;      // open ones
  std::optional<uint64_t> cpu;        // milliseconds
  std::optional<uint64_t> wall;       // milliseconds

  bool operator==(const Limits&) const = default;
};

}  // namespace jetpack
