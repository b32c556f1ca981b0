// Stores a stream of unknown length as one blob.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "services/storage/azure.hpp"
#include "services/storage/download.hpp"

namespace jetpack::storage {

// Fills at most `capacity` bytes of `buffer` and returns how many; 0 at the end. May throw.
using Content = std::function<size_t(char* buffer, size_t capacity)>;

// How long block `index` is: the first ones are short, so that little memory is needed; later ones
// are longer, because a blob has at most 50,000.
size_t block_size(size_t index);

// Returns how many bytes were stored. What fits into one request goes in one; all else in blocks,
// several at a time, that become a blob at the end. Each request carries a checksum.
uint64_t store(Azure& azure, std::string_view blob, const std::string& content_type,
               const Content& content, const Watch& watch);

}  // namespace jetpack::storage
