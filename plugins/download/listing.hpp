// What is below a prefix of a project.
#pragma once

#include <map>
#include <string>
#include <vector>

#include <jetpack/storage.hpp>

namespace jetpack::download {

// What a listing says of a blob.
struct Listed {
  std::string blob;  // full name
  std::string line;  // as Storage::list gave it
  bool is_directory = false;
};

// By the names below the prefix.
using Tree = std::map<std::string, Listed>;

// The blobs below any of the prefixes; the first one that has a name wins.
Tree blobs_below(const Storage& storage, const std::vector<std::string>& prefixes);

}  // namespace jetpack::download
