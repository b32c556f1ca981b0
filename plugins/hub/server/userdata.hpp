// A node's configuration: GET /clusterlink/userdata/ID.
#pragma once

#include "server/request.hpp"

namespace jetpack::hub {

struct Scene;

// The time until the node's next poll, in milliseconds, where a request of this path says so: GET
// /clusterlink/userdata/ID?interval=SECONDS; else 0.
int64_t poll_ms_of(const std::string& path, const Parameters& query);

// A node that names the newest version has applied it, and is ready. Throws an HttpError.
Response userdata_response(const Scene& scene, const Request& request);

}  // namespace jetpack::hub
