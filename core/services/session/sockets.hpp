// Name look-ups with a deadline, and why there is no connection, for libraries that offer neither.
#pragma once

#include <chrono>
#include <string>
#include <vector>

namespace jetpack::session {

// The numeric addresses of `host`, of both families, in the order to try them. Throws
// Errc::unavailable. A look-up that is too slow is left to end by itself.
std::vector<std::string> resolve(const std::string& host,
                                 std::chrono::steady_clock::time_point deadline);

// Why no connection to the address can be made, found by trying once more for a short time:
// "Connection refused"; empty when it can be made now.
std::string why_unreachable(const std::string& address, unsigned port);

}  // namespace jetpack::session
