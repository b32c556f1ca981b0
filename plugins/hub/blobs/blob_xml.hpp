// The XML documents that the blob store responds with.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "blobs/blob_store.hpp"

namespace jetpack::hub {

// The parameters of a listing.
struct ListingQuery {
  std::string_view container, prefix, marker, delimiter;
  size_t max_results;
};

// One entry of a listing.
std::string blob_entry_xml(const ListedBlob& blob);
// A listing of such entries; `next` is the marker of its continuation, or "".
std::string listing_xml(const ListingQuery& query, std::string_view entries, std::string_view next);

std::string error_xml(std::string_view code, std::string_view message);

}  // namespace jetpack::hub
