// Runs the daemon: a single instance, its main loop and its shutdown.
#pragma once

#include <jetpack/call.hpp>

#include <string>

namespace jetpack::jetpackd {

struct DaemonOptions {
  std::string root;  // the root directory whose users are managed; empty: this system
  bool once = false;
};

// Runs until SIGTERM or SIGINT and returns the exit code. Throws when it cannot start.
int run_daemon(const jetpack::Call& call, const DaemonOptions& options);

}  // namespace jetpack::jetpackd
