// A node's configuration: GET /clusterlink/userdata/ID.
#pragma once

#include <optional>

#include "server/request.hpp"
#include "store/database.hpp"

namespace jetpack::hub {

// The time until the node's next poll, in milliseconds, where a request of this path says so: GET
// /clusterlink/userdata/ID?interval=SECONDS; else 0.
int64_t poll_ms_of(const std::string& path, const Parameters& query);

// nullopt for other paths. A node that names the newest version has applied it, and is
// ready.
std::optional<Response> userdata_response(Database& database, const Request& request);

}  // namespace jetpack::hub
