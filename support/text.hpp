// Small changes to text.
#pragma once

#include <string>
#include <string_view>

namespace jetpack::support {

constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Without blanks and line ends around it.
std::string_view trimmed(std::string_view text);

// With the letters A to Z as a to z.
std::string lower_case(std::string_view text);

// Filled with blanks to `width` bytes.
std::string padded(std::string text, size_t width);

// On one line, as UTF-8, and nothing that steers a terminal or misleads a log reader: ill-formed
// bytes become U+FFFD, control characters \n, \t, \r or \xNN. For text from elsewhere.
std::string one_line(std::string_view text);

}  // namespace jetpack::support
