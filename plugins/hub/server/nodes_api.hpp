// Nodes for the cluster page: GET /api/nodes and /api/node.
#pragma once

#include <string>

#include "server/page_api.hpp"

namespace jetpack::hub {

// A part of the list of nodes, with their conditions and chosen properties.
std::string answer_nodes(SqlSession& session, const Query& query);

// All about one node, as far as the reader may see it. Throws an HttpError where there is none.
std::string answer_node(SqlSession& session, const Query& query);

}  // namespace jetpack::hub
