// Prints the facts of this machine, or of the tree that is the first argument.
#include <cstdio>
#include <span>

#include "support/facts/facts.hpp"

int main(int argc, char** argv) {
  const std::span<char*> arguments(argv, static_cast<size_t>(argc));
  jetpack::support::facts::Sources sources;
  if (argc > 1) sources.root = arguments[1];
  sources.warn = [](const std::string& text) { std::fprintf(stderr, "%s\n", text.c_str()); };
  std::printf("%s\n", jetpack::support::facts::collect(sources).c_str());
  return 0;
}
