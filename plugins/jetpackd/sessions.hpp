// Ends what a user who lost access still runs.
#pragma once

#include <cstdint>

namespace jetpack::jetpackd {

// Whether processes of the user are running.
bool has_processes(uint32_t uid);

// Ends all processes of the user: SIGTERM, and after two seconds SIGKILL. What is then left is dead
// but for its parent or the kernel to let it go. Returns false when no signal could be sent.
bool end_processes(uint32_t uid);

}  // namespace jetpack::jetpackd
