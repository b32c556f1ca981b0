// The cloud's metadata service, which answers on the node's own link, so never through a proxy.
#pragma once

#include <string>

#include "services/module_host.hpp"

namespace jetpack::node {

// What each request must carry, as proof that it is not forwarded on behalf of another program: "true".
inline constexpr const char* metadata_header = "metadata";

// Its address, without a trailing slash. Throws Errc::corrupt when the configured one is invalid.
std::string metadata_url(const ModuleHost& host);

}  // namespace jetpack::node
