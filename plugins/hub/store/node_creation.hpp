// Nodes that are to come: rows for machines that join later.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "store/node_table.hpp"

namespace jetpack::hub {

inline constexpr int64_t max_created = 1000;  // in one request

// Alike nodes that are to be created.
struct NodeSet {
  std::string nodearray;
  int64_t count = 1;
  std::string name_format;  // with one "%d"; that of a single node may be its whole name
  int64_t name_offset = 0;
  std::string configuration = "{}", properties = "{}";  // JSON objects, of each of them
};

// The names of the new nodes: the lowest free numbers. A terminated node's name is free, unless it is
// a scheduler's. Their accounts have a password that nobody knows, so that they wait for machines that
// join. Throws Errc::usage for a format that makes no names, and for a name that is taken.
std::vector<std::string> create_nodes(Transaction& transaction, const std::string& cluster,
                                      const NodeSet& set);

// Whether no machine has joined as the node since it was created.
bool awaits_machine(const Node& node);

}  // namespace jetpack::hub
