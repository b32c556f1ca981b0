// Decides whether a plugin may be loaded, and what it may do then.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "loader/limits.hpp"
#include "loader/registry.hpp"
#include "support/files.hpp"

namespace jetpack {

struct Admission {
  support::Fd library;             // what was judged, and what is to be loaded or executed
  std::string path;                // where that is, without symbolic links
  bool is_loaded_by_path = false;  // the library searches others beside itself

  // Of a bundle only.
  bool is_bundle = false;
  std::string tree;  // whose plugins/active it is in
  std::string id;
  std::vector<std::string> services;      // the only ones that it may use
  std::vector<std::string> capabilities;  // what it asked for and was granted

  Limits limits;
};

// Opens the plugin's library, or its program, judges what it opened, and throws Refusal with the reason when that
// may not be loaded. No instruction of it has run then. For a plugin that is not a built-in.
//
// All: the file and the directories above it can be written by nobody else (support/trust.hpp), and
// the note in it, or beside it, is the one that was read for the command line.
// A bundle: it may be used by the policy of its tree, is signed by a key that is trusted there and
// not revoked, is not disabled, nothing in it is a symbolic link, and the library has the size and SHA-256
// of the manifest. The signature itself was verified when it was installed.
// In a directory, for root: the command line or the policy of `home` names the directory.
Admission admit(const Plugin& plugin, const std::string& home);

// Loads the library that was admitted, and returns its entry; nullptr when it exports none.
// Throws Errc::failed.
const void* load_entry(const Admission& admission);

}  // namespace jetpack
