// config/plugins.ini: which plugins an administrator trusts, and what they may do.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "loader/limits.hpp"

namespace jetpack {

// What a capability lets a bundle do that is denied otherwise.
struct Capability {
  std::string_view name;
  std::string_view help;
};
inline constexpr Capability capabilities[] = {
    {"ptrace", "Read, write and trace the memory of other processes"},
    {"mount", "Mount, unmount and move file systems, and change swap"},
    {"kexec", "Start another kernel, and restart the machine"},
    {"modules", "Load and unload kernel modules, and use I/O ports"},
    {"bpf", "Load BPF programs and use performance counters"},
};
bool is_capability(std::string_view name);

// The policy of one tree: the home, or where jetpack is installed. It judges the bundles in that
// tree.
struct Policy {
  bool signatures_required = true;
  std::vector<std::string> directories;   // of plugins that need no signature
  std::vector<std::string> ids;           // of bundles that may be used; empty: all
  std::vector<std::string> capabilities;  // that a bundle gets when it asks for them
  std::vector<std::string> revoked_keys;
  std::vector<std::string> revoked_versions;  // ID@VERSION
  Limits limits;  // upper bounds, and what holds where a bundle has none

  // Reads TREE/config/plugins.ini; without that file, the defaults above. Throws Errc::denied when
  // others than root and the effective user can write it, and Errc::corrupt with the line or key
  // when it is faulty: then no bundle may be used.
  static Policy read(const std::string& tree);
  static Policy parse(std::string_view text, const std::string& name);

  bool allows_id(std::string_view id) const;
  bool grants(std::string_view capability) const;
  // `key` is the identifier of the key that the bundle is signed with; empty: it is not signed.
  bool revoked(std::string_view id, std::string_view version, std::string_view key) const;
  // Whether a version in itself, or a key in itself, is.
  bool is_revoked_version(std::string_view id, std::string_view version) const;
  bool is_revoked_key(std::string_view key) const;

  // Why the bundle may not be used; empty when it may.
  std::string objection(std::string_view id, std::string_view version, std::string_view key) const;
};

}  // namespace jetpack
