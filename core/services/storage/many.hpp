// Downloads many small blobs at once.
#pragma once

#include <vector>

#include "services/storage/azure.hpp"
#include "services/storage/download.hpp"
#include "services/storage/store.hpp"

namespace jetpack::storage {

// Up to this size a blob comes with one request; larger ones come in parallel ranges.
inline constexpr uint64_t most_small = 8 << 20;

// Fetches each blob into its file, which appears when it is complete and its MD5 is right; see
// Store::download_all. With OnFailure::go_on, BlobChanged is the failure of a blob, which can be
// looked up and fetched again. False: a failure ended all.
bool fetch_many(Azure& azure, const std::vector<Wanted*>& wanted, OnFailure policy,
                const Watch& watch);

}  // namespace jetpack::storage
