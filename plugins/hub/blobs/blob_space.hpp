// The room on the disk that blobs take, and what is kept free of them.
#pragma once

#include <cstdint>
#include <filesystem>

#include "blobs/blob_ledger.hpp"
#include "common/storage_quotas.hpp"

namespace jetpack::hub {

// Throws DiskFull unless the reserve is still free after `bytes` more.
void require_disk_room(const std::filesystem::path& root, const StorageQuotas& quotas,
                       uint64_t bytes);

// 0 when there is no such file.
uint64_t size_on_disk(const std::filesystem::path& file);

// The blocks in the directory `directory` are those of a future blob.
void note_use_of_blocks(const std::filesystem::path& directory, const BlobUse& use);
uint64_t bytes_of_blocks(const std::filesystem::path& directory);

// Counts all blobs in the containers below `root`, and the blocks in the directories in `waiting`.
BlobLedger::Totals count_blobs(const std::filesystem::path& root,
                               const std::filesystem::path& waiting);

}  // namespace jetpack::hub
