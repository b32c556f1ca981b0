// JSON read from files and peers: bounded in size and depth, and errors that say where.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <rapidjson/document.h>

#include "support/utf8.hpp"

namespace jetpack::support {

// Deepest nesting that is accepted, so that walking a document never exhausts the stack.
inline constexpr unsigned max_json_depth = 256;

// Largest state or configuration file that is read. A large Ohai dump has 0.3 MiB.
inline constexpr uint64_t max_json_file = 16 << 20;

// A parsed document.
class Json {
 public:
  // Throws Errc::corrupt: "`name`, line 3, column 7: found 'x': ..." `name` is the file. With a
  // dotted `key` only what it leads to is kept, each of its parts being a member's name or several
  // joined by dots; the rest is checked all the same.
  static Json parse(std::string_view text, const std::string& name, std::string_view key = {});

  // nullopt when there is no such file.
  static std::optional<Json> read(const std::string& path, std::string_view key = {});

  const rapidjson::Value& root() const { return document_; }
  rapidjson::Document& document() { return document_; }

 private:
  Json() = default;

  rapidjson::Document document_;
};

// The member `name` of an object, the last of several; nullptr when there is none or `value` is not
// an object.
const rapidjson::Value* find_member(const rapidjson::Value& value, std::string_view name);

// The member's text; nullopt when it is missing or not a string.
std::optional<std::string> find_string(const rapidjson::Value& value, std::string_view name);

inline std::string_view text_of(const rapidjson::Value& text) {
  return {text.GetString(), text.GetStringLength()};
}

// The member's text, or number; the fallback when it is missing or of another type.
std::string text_or(const rapidjson::Value& value, std::string_view name,
                    std::string_view fallback);
uint64_t number_or(const rapidjson::Value& value, std::string_view name, uint64_t fallback);

// Json::parse, for a document that its reader goes on to change.
rapidjson::Document parse_json(std::string_view text, const std::string& name);

// Compact JSON.
std::string to_json(const rapidjson::Value& value);
// Indented by 4, a member on each line.
std::string to_pretty_json(const rapidjson::Value& value);

}  // namespace jetpack::support
