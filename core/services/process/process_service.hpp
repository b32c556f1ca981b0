// jetpack.process/1: scripts with a deadline, bounded capture, and nothing left behind.
#pragma once

#include <jetpack/abi.h>

namespace jetpack {

const jp_process& process_service();

}  // namespace jetpack
