// Passwords and their hashes.
#pragma once

#include <string>
#include <string_view>

namespace jetpack::hub {

// A password that needs no escaping anywhere: 256 bits in hexadecimal.
std::string random_password();

// The stored form of a password: "pbkdf2-sha256$ITERATIONS$SALT$HASH", salted, PBKDF2-HMAC-SHA256.
std::string hash_password(std::string_view password);

// Whether `password` is the one of `record`; the comparison takes the same time
// wherever the two differ. False for an invalid record.
bool verify_password(std::string_view password, std::string_view record);

// Compares in a time that depends on the sizes alone.
bool equal_in_constant_time(std::string_view a, std::string_view b);

}  // namespace jetpack::hub
