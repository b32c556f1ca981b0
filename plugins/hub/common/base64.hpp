// Base64 on one line, and back.
#pragma once

#include <string>
#include <string_view>

namespace jetpack::hub {

std::string to_base64(std::string_view bytes);

// Of text that is no base64, as much as can be read.
std::string from_base64(std::string_view text);

}  // namespace jetpack::hub
