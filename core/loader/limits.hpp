// What a plugin that runs in a process of its own may use.
#pragma once

#include <cstdint>
#include <optional>

namespace jetpack {

// Unset: no limit is given. `unlimited`: none, whatever the default is.
struct Limits {
  static constexpr uint64_t unlimited = UINT64_MAX;

  // Bytes that each process can write to and shares with no other: what malloc gives, and the like.
  // Addresses that are only reserved do not count: NVIDIA's libraries, Go and Java reserve far more
  // than they use. Neither does shared memory, which a process can have without mapping it.
  std::optional<uint64_t> memory;
  std::optional<uint64_t> processes;  // at one time, all that the plugin started
  std::optional<uint64_t> files;      // open files of each process
  std::optional<uint64_t> cpu_ms;     // time on a processor of each process; whole seconds count
  std::optional<uint64_t> wall_ms;    // from its start to its end

  // Sets those that the kernel keeps for a process: memory, files and cpu, of this process and all
  // that it starts. Throws Errc::unsupported.
  void apply() const;

  bool operator==(const Limits&) const = default;
};

}  // namespace jetpack
