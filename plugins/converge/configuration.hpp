// Brings the node's configuration up to date.
#pragma once

#include <functional>

#include <jetpack/call.hpp>
#include "converge/narrator.hpp"

namespace jetpack::converge {

// Facts, what the server says, node.json. Tries for a minute, because name resolution and networks
// may not be up yet when a node boots. Throws when there is no configuration then, or the server
// does not know this node.
void update_configuration(const Call& call, Narrator& narrator);

// Calls `work`, again for a minute while it throws Errc::unavailable.
using Warn = std::function<void(const std::string& text)>;
void retried(const Warn& warn, const std::function<void()>& work);

}  // namespace jetpack::converge
