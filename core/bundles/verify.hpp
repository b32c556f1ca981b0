// Checks installed bundles again: signature, policy, every file.
#pragma once

#include <string>
#include <vector>

#include "loader/policy.hpp"

namespace jetpack::bundles {

struct Verdict {
  std::string id, version, key;
  std::vector<std::string> problems;  // none: all is as it was installed
};

// The active version of a bundle. Throws Errc::not_found when there is none.
Verdict verify(const std::string& home, const std::string& id, const Policy& policy);

// Where the files in a bundle's directory differ from its manifest, or others could write them.
std::vector<std::string> problems_of_files(const std::string& directory);

}  // namespace jetpack::bundles
