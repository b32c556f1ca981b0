// jetpack: finds the subcommand that is asked for as a plugin, and runs it.
#include "cli/app.hpp"

int main(int argc, char** argv) {
  return jetpack::run(argc > 0 ? argv[0] : "jetpack",
                      std::vector<std::string>(argv + (argc > 0 ? 1 : 0), argv + argc));
}
