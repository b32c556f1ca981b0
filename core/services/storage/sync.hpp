// Makes a directory hold the blobs below a prefix.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "services/storage/store.hpp"

namespace jetpack::storage {

struct SyncRequest {
  std::string prefix;
  std::string directory;
  bool fresh = false;
  Watch watch;
  std::function<void(const std::string&)> warn;
};

// What jp_synced says.
struct SyncResult {
  bool changed = false;
  uint64_t files = 0;
  uint64_t bytes = 0;
  uint64_t transferred = 0;
  uint64_t transferred_bytes = 0;
  uint64_t removed = 0;
};

// See jp_storage.sync. Of /dir/name, /dir/.name.jetpack-sync holds
//   lock      which one process has at a time,
//   manifest  what the last sync left, and next, of the tree that is about to be exchanged,
//   new       blobs that are complete, each named by the hash of its name and ETag,
//   tree      the new directory while it is built, and the old one after the exchange,
//   old       the old one where the two cannot be exchanged in one step.
// A process that is killed at any moment leaves what the next one goes on with.
SyncResult sync(Store& store, const SyncRequest& request);

}  // namespace jetpack::storage
