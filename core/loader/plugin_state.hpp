// plugins/state/ID.json: whether a bundle is disabled, and how often it crashed.
#pragma once

#include <cstdint>
#include <string>

namespace jetpack {

// {"disabled":true,"reason":"...","crashes":3,"first":"2026-10-04T13:03:40Z"}
struct PluginState {
  // So many crashes within a day disable a bundle.
  static constexpr uint64_t most_crashes = 3;

  bool disabled = false;
  std::string reason;    // why; of crashes: the last one
  uint64_t crashes = 0;  // since `first`
  int64_t first = 0;     // milliseconds since 1970; 0: never

  // Without a file, the state above. Throws Errc::corrupt when the file is damaged, and Errc::denied
  // when others than root and the effective user can write it. `id` must be the identifier of a
  // bundle: letters, digits, and - _ . within; else Errc::corrupt.
  static PluginState read(const std::string& tree, const std::string& id);

  // Replaces the file durably; creates plugins/state where it is missing.
  void write(const std::string& tree, const std::string& id) const;
};

// Disables the bundle, or enables it and forgets its crashes, also where its state is damaged. At the
// same time only one process changes a state.
void disable_plugin(const std::string& tree, const std::string& id, const std::string& reason);
void enable_plugin(const std::string& tree, const std::string& id);

// Counts a crash, described by `what`; the state afterwards.
PluginState record_crash(const std::string& tree, const std::string& id, const std::string& what);

}  // namespace jetpack
