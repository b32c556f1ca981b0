// The files that a prefix of a locker stands for.
#include "services/storage/sync_listing.hpp"

#include <jetpack/error.hpp>
#include "services/storage/names.hpp"

namespace jetpack::storage {

namespace {

// Each takes some hundred bytes of memory.
constexpr size_t most_blobs = 250'000;

bool has_children(const std::map<std::string, BlobInfo>& files, const std::string& name) {
  const auto child = files.lower_bound(name + '/');
  return child != files.end() && child->first.starts_with(name + '/');
}

// A file cannot have files below it; an empty blob that has is a marker.
void settle_parents(Listing& listing, const std::string& source) {
  for (auto at = listing.files.begin(); at != listing.files.end();) {
    const std::string& name = at->first;
    if (!listing.directories.contains(name) && !has_children(listing.files, name)) {
      ++at;
      continue;
    }
    if (at->second.bytes > 0)
      throw Error(Errc::corrupt, "cannot sync " + source + ": " + storage::quoted(name) +
                                     " is both a file and a directory there; remove one of them");
    listing.directories.insert(name);
    at = listing.files.erase(at);
  }
}

}  // namespace

Listing list_for_sync(Store& store, const std::string& source, const std::string& prefix) {
  const std::string below = prefix.empty() || prefix.ends_with('/') ? prefix : prefix + '/';
  Listing listing;
  bool is_there = false;
  store.list(below, [&](const BlobInfo& blob) {
    is_there = true;
    std::string name = blob.name.starts_with(below) ? blob.name.substr(below.size()) : "/";
    bool is_directory = blob.is_directory;
    while (name.size() > 1 && name.ends_with('/')) {
      name.pop_back();
      is_directory = true;
    }
    // The marker of the prefix itself.
    if (name.empty()) return true;
    if (!is_file_name(name))
      throw Error(Errc::corrupt, "cannot sync " + source + ": blob " + storage::quoted(blob.name) +
                                     " would not be a file below the directory; rename or remove "
                                     "it");
    if (is_directory) {
      listing.directories.insert(std::move(name));
    } else {
      listing.files.emplace(std::move(name), blob);
    }
    if (listing.files.size() + listing.directories.size() > most_blobs)
      throw Error(Errc::failed, "cannot sync " + source + ": too many blobs, the limit is " +
                                    std::to_string(most_blobs));
    return true;
  });
  if (!is_there)
    throw Error(Errc::not_found, "cannot sync " + source +
                                     ": no blob is below it; check the name, "
                                     "or upload it");
  settle_parents(listing, source);
  return listing;
}

}  // namespace jetpack::storage
