// GET /api/account: who asks, and what the page may offer them.
#pragma once

#include "server/request.hpp"

namespace jetpack::hub {

struct Scene;

Response describe_account(const Scene& scene, const Request& request);

}  // namespace jetpack::hub
