// administer.hpp: the commands of the hub's keeper: `hub node`, `hub cluster`, `hub user`,
// `hub nodearray`.
#pragma once

#include <jetpack/call.hpp>

namespace hub {

int administer_node(const jetpack::Call& call);
int administer_cluster(const jetpack::Call& call);
int administer_user(const jetpack::Call& call);
int administer_nodearray(const jetpack::Call& call);

}  // namespace hub
