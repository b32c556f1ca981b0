// Values as text, in the forms of jp_format.
#pragma once

#include <string>
#include <string_view>

#include <rapidjson/document.h>

namespace jetpack {

// `key` is where the value was found. Throws Errc::usage for a format that this jetpack does not
// know.
std::string render(const rapidjson::Value& value, uint32_t format, std::string_view key = {});

}  // namespace jetpack
