// The commands `hub blob ...`, which work on the blob store directly.
#pragma once

#include <jetpack/call.hpp>

namespace jetpack::hub {

// Lists, puts, gets and removes blobs of the hub's locker, whether a hub runs or not.
int administer_blobs(const Call& call);

}  // namespace jetpack::hub
