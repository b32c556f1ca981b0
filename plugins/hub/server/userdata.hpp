// A node's configuration: GET /clusterlink/userdata/ID.
#pragma once

#include "server/request.hpp"

namespace jetpack::hub {

struct Scene;

// A node that names the newest version has applied it, and is ready. Throws an HttpError.
Response userdata_response(const Scene& scene, const Request& request);

}  // namespace jetpack::hub
