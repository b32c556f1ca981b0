// How a node asks its cluster to be shut down, and what it remembers of that.
#pragma once

#include <string>
#include <string_view>

#include <jetpack/config.hpp>

namespace jetpack::support {

// The path of the request for an `action`: "terminate" or "deallocate".
std::string shutdown_path(std::string_view cluster, std::string_view action);

// Its body. An empty reason is left out.
std::string shutdown_body(std::string_view node, std::string_view reason);

// Writes run/shutdown.json, for `jetpack status`. Never fails: the request counts, not this note.
void note_shutdown(const Config& config, std::string_view action, std::string_view reason);

// Removes that note, if it is of a request for this reason. Never fails either.
void forget_shutdown(const Config& config, std::string_view reason);

}  // namespace jetpack::support
