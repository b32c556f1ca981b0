// JSON that comes from outside, and texts that go into it.
#include "support/json.hpp"

#include <algorithm>

#include <rapidjson/error/en.h>
#include <rapidjson/prettywriter.h>

#include <jetpack/error.hpp>

namespace support {

namespace {

using jetpack::Errc;
using jetpack::Error;
using rapidjson::Value;

constexpr unsigned deepest_json = 100;

bool is_deeper(const Value& value, unsigned levels) {
  if (!value.IsObject() && !value.IsArray()) return false;
  if (levels == 0) return true;
  if (value.IsArray())
    return std::any_of(value.Begin(), value.End(),
                       [&](const Value& element) { return is_deeper(element, levels - 1); });
  return std::any_of(value.MemberBegin(), value.MemberEnd(),
                     [&](const auto& entry) { return is_deeper(entry.value, levels - 1); });
}

std::string position(std::string_view text, size_t offset) {
  const std::string_view before = text.substr(0, offset);
  const auto line = std::count(before.begin(), before.end(), '\n') + 1;
  const size_t start = before.rfind('\n') + 1;  // npos + 1 is 0
  return "line " + std::to_string(line) + ", column " + std::to_string(offset - start + 1);
}

// The length of the well-formed UTF-8 sequence at `at`, or 0. By The Unicode Standard, table 3-7.
size_t sequence_at(std::string_view text, size_t at) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(at);
  if (lead < 0x80) return 1;
  if (lead < 0xC2 || lead > 0xF4) return 0;
  const size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (at + length > text.size()) return 0;
  const unsigned char low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
  const unsigned char high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
  if (byte(at + 1) < low || byte(at + 1) > high) return 0;
  for (size_t i = at + 2; i < at + length; ++i)
    if ((byte(i) & 0xC0) != 0x80) return 0;
  return length;
}

}  // namespace

rapidjson::Document parse_json(std::string_view text, const std::string& what) {
  // Iterative: the depth of what comes from outside must not be the depth of our stack.
  constexpr unsigned flags = rapidjson::kParseIterativeFlag | rapidjson::kParseFullPrecisionFlag |
                             rapidjson::kParseValidateEncodingFlag;
  rapidjson::Document document;
  document.Parse<flags>(text.data(), text.size());
  if (document.HasParseError())
    throw Error(Errc::corrupt,
                what + ", " + position(text, document.GetErrorOffset()) +
                    ": it is not JSON: " + rapidjson::GetParseError_En(document.GetParseError()));
  if (is_deeper(document, deepest_json))
    throw Error(Errc::corrupt,
                what + " is nested more than " + std::to_string(deepest_json) + " levels deep");
  return document;
}

std::string to_json(const Value& value) {
  rapidjson::StringBuffer buffer;
  JsonWriter writer(buffer);
  value.Accept(writer);
  return {buffer.GetString(), buffer.GetSize()};
}

std::string to_pretty_json(const Value& value) {
  rapidjson::StringBuffer buffer;
  rapidjson::PrettyWriter<rapidjson::StringBuffer> writer(buffer);
  value.Accept(writer);
  return {buffer.GetString(), buffer.GetSize()};
}

const Value* find(const Value& object, const char* name) {
  if (!object.IsObject()) return nullptr;
  const auto found = object.FindMember(name);
  return found == object.MemberEnd() ? nullptr : &found->value;
}

std::string text_or(const Value& object, const char* name, std::string_view fallback) {
  const Value* value = find(object, name);
  return std::string(value != nullptr && value->IsString() ? view(*value) : fallback);
}

uint64_t number_or(const Value& object, const char* name, uint64_t fallback) {
  const Value* value = find(object, name);
  return value != nullptr && value->IsUint64() ? value->GetUint64() : fallback;
}

std::string well_formed(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  for (size_t at = 0; at < text.size();) {
    const size_t length = sequence_at(text, at);
    result += length == 0 ? std::string_view("\xEF\xBF\xBD") : text.substr(at, length);
    at += std::max<size_t>(length, 1);
  }
  return result;
}

std::string one_line(std::string_view text) {
  std::string line = well_formed(text);
  for (char& c : line)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) c = ' ';
  return line;
}

}  // namespace support
