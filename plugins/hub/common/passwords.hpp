// Password hashes, and the randomness that passwords are made of.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace jetpack::hub {

// `bytes` random bytes, in hexadecimal.
std::string random_hex(size_t bytes);

// A password that needs no escaping anywhere: 256 bits in hexadecimal.
std::string random_password();

// A random UUID, version 4.
std::string random_uuid();

// What is kept of a password: "pbkdf2-sha256$ITERATIONS$SALT$HASH", salted, PBKDF2-HMAC-SHA256.
std::string hash_password(std::string_view password);

// Whether `password` is the one that `record` was made of; the comparison takes the same time
// wherever the two differ. False for a record that is none.
bool verify_password(std::string_view password, std::string_view record);

// SHA-256 of `text`, in hexadecimal.
std::string sha256_hex(std::string_view text);

// HMAC-SHA256 of `text`, as 32 bytes.
std::string keyed_digest(std::string_view key, std::string_view text);

// Compares in a time that depends on the sizes alone.
bool equal_in_constant_time(std::string_view a, std::string_view b);

}  // namespace jetpack::hub
