// Values as text, in the forms of jp_format.
#pragma once

#include <string>

#include <rapidjson/document.h>

namespace jetpack {

// Throws Errc::usage for a format that this jetpack does not know.
std::string render(const rapidjson::Value& value, uint32_t format);

}  // namespace jetpack
