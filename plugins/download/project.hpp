// The project whose blobs are downloaded.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <jetpack/call.hpp>

namespace jetpack::download {

// A project, and the prefixes under which its blobs are looked up, in this order.
struct Project {
  std::string name;
  std::vector<std::string> prefixes;  // each ends in '/'
};

// The project of --project, else of the cluster-init script that is running. Throws Errc::usage.
Project find_project(const Call& call);

// A name in quotes, for messages.
std::string in_quotes(std::string_view text);

}  // namespace jetpack::download
