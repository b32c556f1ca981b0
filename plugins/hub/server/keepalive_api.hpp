// Keeps nodes from being stopped when idle, for an administrator: POST /clusters/C/nodes/keepalive.
#pragma once

#include "server/request.hpp"

namespace jetpack::hub {

struct Scene;

// The body: {"names", "until", "reason"}, where `until` is a time, forever or none, as in a node's own
// message. Throws an HttpError.
Response keep_alive(const Scene& scene, const Request& request);

}  // namespace jetpack::hub
