// jetpack: finds the subcommand that is asked for as a plugin, and runs it.
#include <csignal>

#include "cli/app.hpp"
#include "cli/standard_streams.hpp"

int main(int argc, char** argv) {
  jetpack::open_standard_streams();
  // A file that may not grow is an error to report, as a full disk is.
  ::signal(SIGXFSZ, SIG_IGN);
  return jetpack::run(argc > 0 ? argv[0] : "jetpack",
                      std::vector<std::string>(argv + (argc > 0 ? 1 : 0), argv + argc));
}
