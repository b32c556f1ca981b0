// Trims, pads and escapes text.
#pragma once

#include <string>
#include <string_view>

namespace jetpack::support {

constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Without leading and trailing blanks and line ends.
std::string_view trimmed(std::string_view text);

// With the letters A to Z in lower case.
std::string lower_case(std::string_view text);

// Padded with blanks to `width` bytes.
std::string padded(std::string text, size_t width);

// Escapes text that is not our own for terminals and logs, on one line of UTF-8: ill-formed bytes
// become U+FFFD, control characters \n, \t, \r or \xNN, and characters that change the direction
// of text \uNNNN.
std::string one_line(std::string_view text);

// The same, but line breaks and tabs stay.
std::string printable(std::string_view text);

}  // namespace jetpack::support
