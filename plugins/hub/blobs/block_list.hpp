// Parses the body of Put Block List.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace jetpack::hub {

// The ids of <BlockList><Latest>ID</Latest>...</BlockList>, in order. Throws a BlobError for
// anything else, and for blocks of an earlier commit (<Committed>), which the hub does not store.
std::vector<std::string> parse_block_list(std::string_view xml);

}  // namespace jetpack::hub
