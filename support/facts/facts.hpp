// The facts of a machine, named and typed as Ohai does: what `jetpack config platform` prints. Ours
// are read from the kernel and from /etc within milliseconds, and no user data base, name server or
// file server can hold them up.
#pragma once

#include <chrono>
#include <functional>
#include <string>

namespace jetpack::support::facts {

struct Sources {
  // Before /etc, /proc, /sys ...: a recorded tree. Empty: this machine, with its network, name and
  // free space, for which the kernel is asked.
  std::string root = {};
  // How long the name service has for the full name of this host. Then it is the short one.
  std::chrono::milliseconds name_deadline{1000};
  // How long the file systems have to say how full they are. Then it is left out.
  std::chrono::milliseconds disk_deadline{1000};
  // Returns the JSON that ohai printed, or throws Error; see ohai.hpp. Unset: ohai is not used.
  std::function<std::string()> ohai = {};
  // Called with why a fact is missing.
  std::function<void(const std::string& text)> warn = {};
};

// One JSON object. A fact that cannot be read is left out, or null where Ohai has null; texts that
// are not UTF-8 have U+FFFD in place of what is not. Network file systems are listed without their
// size, because asking for it can take for ever. What ohai says goes before ours.
std::string collect(const Sources& sources = {});

}  // namespace jetpack::support::facts
