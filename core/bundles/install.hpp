// Installs a bundle: judged, unpacked beside the others, and made active by one rename.
#pragma once

#include <string>
#include <vector>

namespace jetpack::bundles {

struct Installed {
  std::string id, version, key;
  std::string before;  // the version that was active; empty: none
  std::vector<std::string> commands;
  bool is_unchanged = false;  // the same was active already
};

// What an index or a user expects; empty: anything.
struct Expected {
  std::string id;
  std::string version;
  std::string sha256;  // of the bundle's file
};

// Installs the file whose bytes are read through `fd`. `source` names it in messages and in the audit
// log; `verb` is "install" or "update". Throws Refusal when the bundle is not acceptable: then nothing
// has changed. Each decision is logged.
Installed install_file(int fd, const std::string& home, const std::string& source,
                       const std::string& verb, const Expected& expected = {});

// The same for a bundle that is unpacked in a directory.
Installed install_directory(const std::string& directory, const std::string& home,
                            const std::string& verb);

}  // namespace jetpack::bundles
