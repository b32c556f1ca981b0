// Whether the node's software is configured.
#pragma once

#include <string>

#include <jetpack/config.hpp>

namespace jetpack::support {

// Where `jetpack converge` keeps its last runs, and when the first one on this instance has
// succeeded: {"configured": "2026-11-28T17:00:00.000Z", "runs": [{"status": "ok", ...}, ...]}.
inline std::string converge_history_file(const Config& config) {
  return config.path("config/converge.json");
}

// Whether the node has no specs, or its last converge has succeeded. False where that cannot be
// read.
bool is_converged(const Config& config);

// The same for any converge since the node was created.
bool was_configured(const Config& config);

}  // namespace jetpack::support
