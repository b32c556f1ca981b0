// The commands `hub enroll` and `hub admin`, which create accounts.
#pragma once

#include <jetpack/call.hpp>

namespace jetpack::hub {

int enroll(const Call& call);
int admin(const Call& call);

}  // namespace jetpack::hub
