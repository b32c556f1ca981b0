// POST /clusters/C/nodes/create, as the public documentation has it.
#pragma once

#include "server/request.hpp"

namespace jetpack::hub {

struct Scene;

// {"requestId","sets":[{"nodearray","count","nameFormat","nameOffset","definition":{"machineType"},
// "placementGroupId","nodeAttributes"}]}: 202 with {"operationId","sets":[{"added"}]}. Throws HttpError.
Response create_nodes_of_sets(const Scene& scene, const Request& request);

}  // namespace jetpack::hub
