// A control group (cgroup v2) for what one script starts.
#pragma once

#include <string>

#include "support/files.hpp"

namespace jetpack {

// Where this process may not create control groups, all of this does nothing: a service without
// Delegate=, a container, cgroup v1.
class ControlGroup {
 public:
  // Looks up the group that we are in, once for all: before fork(), that no child has to.
  static void prepare();

  ControlGroup();
  ControlGroup(const ControlGroup&) = delete;
  ControlGroup& operator=(const ControlGroup&) = delete;
  // Removes the group. What still runs in it keeps it.
  ~ControlGroup();

  // Moves the calling process into it. May be called after fork().
  void enter() const noexcept;

  // Kills every process in it, also those that are being forked. Since Linux 5.14.
  void kill() const noexcept;

 private:
  std::string path_;  // empty: there is none
  support::Fd processes_;
};

}  // namespace jetpack
