// list.hpp: the commands that show what the hub holds: `hub event`, `hub message`, `hub node list`.
#pragma once

#include <jetpack/call.hpp>

namespace hub {

int list_events(const jetpack::Call& call);
int list_nodes(const jetpack::Call& call);
int list_messages(const jetpack::Call& call);

}  // namespace hub
