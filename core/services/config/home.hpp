// The home tree: config, logs, run, scripts, system.
#pragma once

#include <string>
#include <string_view>

namespace jetpack {

// The tree that this program is installed in, free of symbolic links: of /opt/x/bin/jetpack /opt/x.
std::string installation_prefix();

class Home {
 public:
  // JETPACK_HOME, else CYCLECLOUD_HOME, else the tree that the program stands in, else
  // /opt/cycle/jetpack. It need not exist.
  static Home find();

  explicit Home(std::string root, std::string reason = "given");

  const std::string& root() const { return root_; }

  // The absolute path of a name below the home. Throws Errc::usage for one that leads out of it.
  std::string path(std::string_view name) const;

  // Throws Errc::unavailable or denied unless the home is a directory that can be entered.
  void check() const;

 private:
  std::string root_;
  std::string reason_;  // how it was chosen
};

}  // namespace jetpack
