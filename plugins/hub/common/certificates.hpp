// The hub's certificate authority and the server certificate that it signs.
#pragma once

#include <filesystem>
#include <set>
#include <string>
#include <vector>

namespace jetpack::hub {

// Limit for the files of certificates and keys, in bytes.
inline constexpr size_t max_pem = 64 << 10;

// Creates the authority in `directory` (ca.pem, and ca-key.pem with mode 0600) unless it exists,
// and returns the path of ca.pem. It is never replaced: every node has a copy. Safe to call from
// several processes at once.
std::filesystem::path ensure_authority(const std::filesystem::path& directory);

// "sha256:" and the SHA-256 of the authority's certificate, in hexadecimal: what a machine that has
// never talked to the hub knows it by, and what openssl calls the fingerprint. "" when there is none.
std::string authority_hash(const std::filesystem::path& directory);

// Creates or renews server.pem in `directory`, key and certificate in one file of mode 0600, and
// returns its path. Renewed when it has less than thirty days left, is not of this authority, or
// does not stand for exactly localhost, 127.0.0.1, ::1 and `names`.
std::filesystem::path ensure_server_certificate(const std::filesystem::path& directory,
                                                const std::vector<std::string>& names);

// The names in the form they have in a certificate: "DNS:localhost", "IP:127.0.0.1". Throws
// Errc::usage for what is neither a host name nor an address.
std::set<std::string> certificate_names(const std::vector<std::string>& names);

}  // namespace jetpack::hub
