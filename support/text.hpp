// Small changes to text.
#pragma once

#include <string>
#include <string_view>

namespace jetpack::support {

// Without blanks and line ends around it.
std::string_view trimmed(std::string_view text);

// With the letters A to Z as a to z.
std::string lower_case(std::string_view text);

}  // namespace jetpack::support
