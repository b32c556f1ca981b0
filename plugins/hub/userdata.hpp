// userdata.hpp: what the hub tells a node about itself: GET /clusterlink/userdata/ID.
#pragma once

#include "database.hpp"
#include "request.hpp"

#include <optional>

namespace hub {

// nullopt when the path is another. A node that names the newest version has applied it, and is
// ready.
std::optional<Answer> answer_userdata(Database& database, const Request& request);

}  // namespace hub
