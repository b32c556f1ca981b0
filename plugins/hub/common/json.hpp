// Parses untrusted JSON.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include <rapidjson/document.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

namespace jetpack::hub {

// The deepest nesting that is taken. What is parsed may then be walked by recursion.
inline constexpr size_t max_json_depth = 64;

// How deep arrays and objects nest in JSON text.
size_t json_depth(std::string_view json);

// The parsed text; HasParseError() tells of what is not JSON, not UTF-8, or nests too deep.
rapidjson::Document parse_json(std::string_view text);

std::string to_json(const rapidjson::Value& value);

inline std::string_view text_of(const rapidjson::Value& value) {
  return {value.GetString(), value.GetStringLength()};
}

// The member's value, or nullptr. `object` must be an object.
const rapidjson::Value* find_member(const rapidjson::Value& object, std::string_view name);
rapidjson::Value* find_member(rapidjson::Value& object, std::string_view name);

}  // namespace jetpack::hub
