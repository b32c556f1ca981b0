// How the hub is: GET /healthz for whoever watches it, GET /metrics for Prometheus.
#pragma once

#include <string>

#include "store/database.hpp"

namespace jetpack::hub {

// {"status":"ok"}. Throws Error when the database does not answer.
std::string health(Database& database);

// All that is counted, in the text format of Prometheus. `certificate_ends`: Unix seconds, 0 when
// unknown.
std::string metrics(Database& database, int64_t certificate_ends);

}  // namespace jetpack::hub
