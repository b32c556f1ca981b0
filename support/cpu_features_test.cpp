#include "support/cpu_features.hpp"

#include <fstream>
#include <set>
#include <sstream>
#include <string>

#include <doctest/doctest.h>

using jetpack::support::cpu_features;

// What Linux lets programs use, by its own names.
static std::set<std::string> flags_of_the_kernel() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with("flags")) continue;
    std::istringstream words(line.substr(line.find(':') + 1));
    std::set<std::string> flags;
    for (std::string word; words >> word;) flags.insert(word);
    return flags;
  }
  return {};
}

TEST_CASE("features are those that the kernel names") {
  const auto flags = flags_of_the_kernel();
#if defined(__x86_64__)
  REQUIRE(flags.contains("sse2"));
#endif
  CHECK(cpu_features().ssse3 == flags.contains("ssse3"));
  CHECK(cpu_features().avx2 == flags.contains("avx2"));
  CHECK(cpu_features().avx512bw == flags.contains("avx512bw"));
  CHECK(cpu_features().sha == flags.contains("sha_ni"));
  CHECK(cpu_features().pclmul == flags.contains("pclmulqdq"));
}
