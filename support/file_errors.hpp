// Reports a failed system call on a file as an error.
#pragma once

#include <string>

namespace jetpack::support {

// Throws "cannot DOING PATH: ERROR" for an errno: Errc::unavailable when the disk is full, read-only
// or broken, denied when permission is missing, not_found, else failed.
[[noreturn]] void fail_on_file(const std::string& doing, const std::string& path, int error);

}  // namespace jetpack::support
