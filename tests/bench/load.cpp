// load-bench checked|unchecked BUNDLE LIBRARY: loads a bundle's library once and prints how many
// nanoseconds that took; BUNDLE is its directory in plugins/active. Checked: judged by
// loader/admission.hpp, and loaded by its descriptor.
#include <chrono>
#include <cstdio>
#include <string>

#include <jetpack/abi.h>
#include "loader/admission.hpp"
#include "support/library.hpp"

int main(int argc, char** argv) {
  if (argc != 4) return 2;
  const std::string bundle = argv[2];
  const std::string library = bundle + '/' + argv[3];
  jetpack::Plugin plugin = jetpack::inspect(library, jetpack::Origin::bundle);
  plugin.bundle_size = static_cast<uint32_t>(bundle.size());
  const auto start = std::chrono::steady_clock::now();
  const void* entry = nullptr;
  if (std::string(argv[1]) == "checked") {
    const auto admission = jetpack::admit(plugin, "/nonexistent");
    entry = jetpack::load_entry(admission);
  } else {
    entry = jetpack::support::load_symbol(library, JP_ENTRY);
  }
  const auto took = std::chrono::steady_clock::now() - start;
  std::printf("%lld\n", static_cast<long long>(std::chrono::nanoseconds(took).count()));
  return entry != nullptr ? 0 : 1;
}
