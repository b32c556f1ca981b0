// JSON that comes from outside, and texts that go into it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <rapidjson/document.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

namespace support {

using JsonWriter = rapidjson::Writer<rapidjson::StringBuffer>;

// Throws Errc::corrupt: "WHAT, line 3, column 7: expected a comma ...". At most 100 levels deep.
rapidjson::Document parse_json(std::string_view text, const std::string& what);

std::string to_json(const rapidjson::Value& value);
// Indent 4, a member on each line.
std::string to_pretty_json(const rapidjson::Value& value);

// The member, or nullptr when there is none or `object` is no object.
const rapidjson::Value* find(const rapidjson::Value& object, const char* name);
std::string text_or(const rapidjson::Value& object, const char* name, std::string_view fallback);
uint64_t number_or(const rapidjson::Value& object, const char* name, uint64_t fallback);

inline std::string_view view(const rapidjson::Value& text) {
  return {text.GetString(), text.GetStringLength()};
}

inline void put(JsonWriter& json, std::string_view text) {
  json.String(text.data(), static_cast<rapidjson::SizeType>(text.size()));
}
inline void member(JsonWriter& json, std::string_view name, std::string_view text) {
  put(json, name);
  put(json, text);
}

// The text with each ill-formed byte of UTF-8 replaced by U+FFFD, so that it can be JSON.
std::string well_formed(std::string_view text);

// On one line, and nothing that steers a terminal: texts that come from elsewhere.
std::string one_line(std::string_view text);

}  // namespace support
