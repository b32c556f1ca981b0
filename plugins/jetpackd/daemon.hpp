// The daemon as a whole: one instance, its loop, its end.
#pragma once

#include <jetpack/call.hpp>

#include <string>

namespace jetpack::jetpackd {

struct DaemonOptions {
  std::string root;  // whose users are managed; empty: this system's
  bool once = false;
};

// Runs until SIGTERM or SIGINT; the exit code. Throws when it could not begin.
int run_daemon(const jetpack::Call& call, const DaemonOptions& options);

}  // namespace jetpack::jetpackd
