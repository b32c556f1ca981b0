// Percent-encoding, as in URLs (RFC 3986, 2.1).
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace jetpack::support {

// Encodes all but letters, digits and "-._~".
std::string percent_encoded(std::string_view text);

// The same, with each '/' left as it is.
std::string percent_encoded_path(std::string_view text);

// nullopt when a '%' does not begin a %XX.
std::optional<std::string> percent_decoded(std::string_view text);

// The same, but a '%' that does not begin a %XX stands for itself.
std::string percent_decoded_leniently(std::string_view text);

}  // namespace jetpack::support
