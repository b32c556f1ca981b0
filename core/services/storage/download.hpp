// Downloads a blob to a partial file: parallel ranges, resumed, checked.
#pragma once

#include <cstdint>
#include <functional>

#include <jetpack/error.hpp>
#include "services/storage/azure.hpp"
#include "services/storage/partial_file.hpp"

namespace jetpack::storage {

// Told about bytes done and in all; called by the thread that began the transfer. May throw to end
// it.
using Watch = std::function<void(uint64_t done, uint64_t total)>;

// Thrown when the MD5 of what has come is not that of the blob.
class Damaged : public Error {
 public:
  explicit Damaged(const std::string& text) : Error(Errc::corrupt, text) {}
};

// Fetches all that `there` lacks of the blob, and records what has come, even when it throws. With
// an MD5 in `blob`, the file is read behind the network, in order, while it grows. Throws
// BlobChanged, Damaged, or another Error.
void fetch(Azure& azure, const BlobInfo& blob, PartialFile& file, Ranges there, const Watch& watch);

}  // namespace jetpack::storage
