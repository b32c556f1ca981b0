// The commands `hub node`, `hub cluster`, `hub user` and `hub nodearray`.
#pragma once

#include <jetpack/call.hpp>

namespace jetpack::hub {

int administer_node(const Call& call);
int administer_cluster(const Call& call);
int administer_user(const Call& call);
int administer_nodearray(const Call& call);

}  // namespace jetpack::hub
