// How the hub is: GET /healthz for monitoring, GET /metrics for Prometheus.
#pragma once

#include <cstdint>
#include <string>

#include "server/request.hpp"

namespace jetpack::hub {

struct Scene;

// {"status":"ok"}. Throws Error when the database does not answer.
Response answer_health(const Scene& scene, const Request& request);

// All that is counted, in the text format of Prometheus.
Response answer_metrics(const Scene& scene, const Request& request);

// Whether the hub at this port of this machine answers GET /healthz, whatever it says.
bool does_answer(const std::string& host, uint16_t port);

}  // namespace jetpack::hub
