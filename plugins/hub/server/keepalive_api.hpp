// Keeps nodes from being stopped when idle, for an administrator: POST /clusters/C/nodes/keepalive.
#pragma once

#include <optional>

#include "server/request.hpp"
#include "store/database.hpp"

namespace jetpack::hub {

// nullopt for other requests. The body: {"names", "until", "reason"}, where `until` is a time, forever
// or none, as in a node's own message.
std::optional<Response> keepalive_response(Database& database, const Request& request);

}  // namespace jetpack::hub
