// The files that a prefix of a locker stands for.
#pragma once

#include <map>
#include <set>
#include <string>

#include "services/storage/store.hpp"

namespace jetpack::storage {

struct Listing {
  std::map<std::string, BlobInfo> files;  // by their name below the prefix
  std::set<std::string> directories;      // of markers; they may be empty
};

// `prefix` with or without its '/'; `source` is what it is called in errors. Throws Errc::not_found
// when there is nothing, Errc::corrupt for what could not be files below one directory.
Listing list_for_sync(Store& store, const std::string& source, const std::string& prefix);

}  // namespace jetpack::storage
