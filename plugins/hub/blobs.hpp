// blobs.hpp: the command `hub blob`.
#pragma once

#include <jetpack/call.hpp>

namespace hub {

// Lists, puts, gets and removes blobs of the hub's locker, whether a hub runs or not.
int administer_blobs(const jetpack::Call& call);

}  // namespace hub
