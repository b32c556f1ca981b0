// list.hpp: the commands that show a node's user what the hub holds: `hub event`, `hub node`,
// `hub message`.
#pragma once

#include <jetpack/call.hpp>

namespace hub {

int list_events(const jetpack::Call& call);
int list_nodes(const jetpack::Call& call);
int list_messages(const jetpack::Call& call);

}  // namespace hub
