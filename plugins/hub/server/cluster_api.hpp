// The documented REST endpoints that nodes and schedulers use: clusters, nodes, scaling,
// operations, and the endpoint of old autostop scripts.
#pragma once

#include <optional>

#include "server/request.hpp"
#include "store/database.hpp"

namespace jetpack::hub {

// nullopt when the path is none of these. A change with an Idempotency-Key is applied once
// for the account; a repetition gets the first response.
std::optional<Response> cluster_api_response(Database& database, const Request& request);

}  // namespace jetpack::hub
