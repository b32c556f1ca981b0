// Messages as the cluster's server reads them, the same on every transport.
#pragma once

#include <string>
#include <vector>

#include "services/session/outbox.hpp"

namespace jetpack::session {

// The body of POST /clusterlink/messages. What a message did not know of its sender when it was
// published is taken from `now`.
std::string envelope(const std::vector<Message>& messages, const node::Identity& now);

}  // namespace jetpack::session
