// The chart of the cluster page: GET /api/targets.
#pragma once

#include <string>

#include "server/page_api.hpp"

namespace jetpack::hub {

// The node arrays, what was wanted of each over time, and how many of its nodes were ready.
std::string answer_targets(SqlSession& session, const Query& query);

}  // namespace jetpack::hub
