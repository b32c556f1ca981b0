// Bytes as text: percent-encoding (RFC 3986, 2.1), base64 (RFC 4648, 4) and hexadecimal.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace jetpack::support {

// Encodes all bytes except letters, digits and "-._~".
std::string percent_encoded(std::string_view text);

// The same, but leaves '/' as it is.
std::string percent_encoded_path(std::string_view text);

// nullopt when a '%' does not start a %XX sequence.
std::optional<std::string> percent_decoded(std::string_view text);

// The same, but keeps a '%' that does not start a %XX sequence.
std::string percent_decoded_leniently(std::string_view text);

// With padding, on one line.
std::string base64(std::string_view bytes);

// Accepts text with or without padding; nullopt when it is not base64.
std::optional<std::string> base64_decoded(std::string_view text);

// Two lower-case digits per byte.
std::string hex(std::string_view bytes);
std::string hex(std::span<const unsigned char> bytes);
std::string hex_byte(unsigned char byte);

// 0 to 15, or -1.
int hex_digit_value(char c);

}  // namespace jetpack::support
