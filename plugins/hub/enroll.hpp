// enroll.hpp: the commands `hub enroll` and `hub admin`, which make accounts.
#pragma once

#include <jetpack/call.hpp>

namespace hub {

int enroll(const jetpack::Call& call);
int admin(const jetpack::Call& call);

}  // namespace hub
