// A node's configuration: GET /clusterlink/userdata/ID.
#pragma once

#include <optional>

#include "server/request.hpp"
#include "store/database.hpp"

namespace jetpack::hub {

// nullopt for other paths. A node that names the newest version has applied it, and is
// ready.
std::optional<Response> userdata_response(Database& database, const Request& request);

}  // namespace jetpack::hub
