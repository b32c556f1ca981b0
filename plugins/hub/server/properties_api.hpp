// Properties of nodes for the cluster page: which there are, and some of them in lists of nodes.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "server/page_api.hpp"

namespace jetpack::hub {

// The keys in "rack,vm.size".
std::vector<std::string> property_keys(std::string_view text);

// {"rack": "r07", ...}: of a node's properties those with these keys, dots between members, as
// texts; without those that it does not have.
std::string chosen_properties(const std::string& properties, const std::vector<std::string>& keys);

// Responds to GET /api/properties?cluster=C: {"properties": [{"key", "nodes", "values"}]}, the keys
// whose values are short, with the number of nodes that have one and of different values.
std::string answer_properties(SqlSession& session, const Query& query);

}  // namespace jetpack::hub
