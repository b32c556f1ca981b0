// What the command line and the settings ask of a converge.
#pragma once

#include <string>

namespace jetpack::converge {

struct Options {
  std::string mode = "install";
  bool only_scripts = false;
  bool reruns_all = false;
  bool reruns_edited = false;
  bool is_offline = false;
  bool is_dry = false;
  bool syncs = true;
};

}  // namespace jetpack::converge
