// What the HTTP library does not tell or bound: slow name look-ups, refused connections, bytes.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace jetpack::session {

// The IPv4 addresses of `host`, in the order to try them; a numeric host is its own answer. A name
// that has only IPv6 addresses is returned as it is, because the HTTP library takes those by name
// alone. Throws Errc::unavailable. A look-up that is too slow is left to end by itself.
std::vector<std::string> resolve(const std::string& host,
                                 std::chrono::steady_clock::time_point deadline);

bool is_ipv4(const std::string& host);

// Why no connection to the address can be had, found by trying once more for a short time:
// "Connection refused"; empty when a connection can be had now.
std::string why_unreachable(const std::string& address, unsigned port);

// What has come in over a TCP connection since it was made.
uint64_t bytes_received(int socket);

}  // namespace jetpack::session
