// Masks secrets in text that is about to be logged or shown.
#pragma once

#include <string>
#include <string_view>

namespace jetpack {

// The text with what follows a secret's name replaced by "[redacted]": passwords, tokens, keys and
// signatures in JSON, INI, URLs and connection strings, the user part of URLs, Authorization
// headers, JSON web tokens, and the body of PEM private keys. Masks too much rather than too
// little.
std::string redact(std::string_view text);

}  // namespace jetpack
