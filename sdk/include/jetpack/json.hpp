// jetpack/json.hpp: text as a JSON string, for the messages that a plugin publishes.
#pragma once

#include <jetpack/detail/requirements.hpp>

#include <string>
#include <string_view>

namespace jetpack {

// The text as a JSON string, with its quotes. The text must be UTF-8.
inline std::string json_string(std::string_view text) {
  constexpr std::string_view hex = "0123456789abcdef";
  std::string json = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20) {
      json += "\\u00";
      json += hex[byte >> 4];
      json += hex[byte & 15];
      continue;
    }
    if (c == '"' || c == '\\') json += '\\';
    json += c;
  }
  json += '"';
  return json;
}

}  // namespace jetpack
