// Files with keys: PEM, as OpenSSL writes and reads it.
#pragma once

#include <string>
#include <string_view>

#include "bundles/ed25519.hpp"

namespace jetpack::bundles {

// PKCS #8 (RFC 8410), readable by `openssl pkey`.
std::string private_key_pem(const PrivateKey& key);
std::string public_key_pem(const PublicKey& key);

// Reads one of them; text before the first line of the PEM is skipped. Throws Errc::corrupt, naming
// `name`, which never repeats what is in the file.
PrivateKey parse_private_key(std::string_view text, const std::string& name);
PublicKey parse_public_key(std::string_view text, const std::string& name);

// Reads a file; "-" is standard input. A private key may be readable by its owner alone.
PrivateKey read_private_key(const std::string& file);
PublicKey read_public_key(const std::string& file);

}  // namespace jetpack::bundles
