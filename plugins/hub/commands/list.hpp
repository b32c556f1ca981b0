// The commands that list events, messages and nodes.
#pragma once

#include <jetpack/call.hpp>

namespace jetpack::hub {

int list_events(const Call& call);
int list_nodes(const Call& call);
int list_messages(const Call& call);

}  // namespace jetpack::hub
