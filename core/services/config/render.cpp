// Values as text, in the forms of jp_format.
#include "services/config/render.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <vector>

#include <jetpack/error.hpp>
#include "support/json_writer.hpp"
#include "support/text.hpp"

namespace jetpack {

namespace {

using Value = rapidjson::Value;
using Member = Value::ConstMemberIterator;

std::vector<Member> sorted_members(const Value& object) {
  std::vector<Member> members;
  members.reserve(object.MemberCount());
  for (auto member = object.MemberBegin(); member != object.MemberEnd(); ++member)
    members.push_back(member);
  std::stable_sort(members.begin(), members.end(), [](const Member& a, const Member& b) {
    return support::text_of(a->name) < support::text_of(b->name);
  });
  return members;
}

template <class Writer>
void write_sorted(const Value& value, Writer& writer) {
  if (value.IsArray()) {
    writer.StartArray();
    for (const auto& element : value.GetArray()) write_sorted(element, writer);
    writer.EndArray();
  } else if (value.IsObject()) {
    writer.StartObject();
    for (const auto& member : sorted_members(value)) {
      writer.Key(member->name.GetString(), member->name.GetStringLength());
      write_sorted(member->value, writer);
    }
    writer.EndObject();
  } else {
    value.Accept(writer);
  }
}

std::string pretty(const Value& value) {
  rapidjson::StringBuffer buffer;
  support::PrettyJsonWriter writer(buffer);
  writer.SetIndent(' ', 4);
  write_sorted(value, writer);
  return {buffer.GetString(), buffer.GetSize()};
}

std::string printed(const char* format, int digits, double number) {
  char buffer[400];  // "%.17f" of the largest double has 327 characters
  const int size = std::snprintf(buffer, sizeof buffer, format, digits, number);
  return {buffer, static_cast<size_t>(size)};
}

// As Python's repr of a float: the fewest digits that read back the same, and always a mark that it
// is no integer. (Not std::to_chars: it would bring libm, for which every command would pay.)
std::string python_float(double number) {
  if (std::isinf(number)) return number < 0 ? "-inf" : "inf";
  int digits = 0;  // after the first
  std::string text = printed("%.*e", digits, number);
  while (digits < 16 && std::strtod(text.c_str(), nullptr) != number)
    text = printed("%.*e", ++digits, number);
  const long exponent = std::strtol(text.c_str() + text.find('e') + 1, nullptr, 10);
  if (exponent < -4 || exponent >= 16) return text;
  const long decimals = digits - exponent;
  if (decimals <= 0) return printed("%.*f", 1, number);
  return printed("%.*f", static_cast<int>(decimals), number);
}

// How many bytes the code point at text[at] has; the text is valid UTF-8.
size_t code_point_size(std::string_view text, size_t at) {
  const auto lead = static_cast<unsigned char>(text[at]);
  return lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC0 ? 2 : 1;
}

void append_hex(std::string& out, const char* prefix, unsigned value, int digits) {
  constexpr char hex[] = "0123456789abcdef";
  out += prefix;
  for (int shift = (digits - 1) * 4; shift >= 0; shift -= 4) out += hex[(value >> shift) & 15];
}

// As Python's repr of a str. Of the code points that Python escapes as not printable, the control
// characters and separators are; unassigned ones are not looked up.
std::string python_string(std::string_view text) {
  const bool has_single = text.find('\'') != std::string_view::npos;
  const char quote = has_single && text.find('"') == std::string_view::npos ? '"' : '\'';
  std::string out(1, quote);
  for (size_t at = 0; at < text.size();) {
    const size_t size = code_point_size(text, at);
    const auto point = text.substr(at, size);
    const auto byte = static_cast<unsigned char>(point[0]);
    at += size;
    if (point[0] == quote || point[0] == '\\') {
      out += '\\';
      out += point;
    } else if (point == "\n") {
      out += "\\n";
    } else if (point == "\r") {
      out += "\\r";
    } else if (point == "\t") {
      out += "\\t";
    } else if (byte < 0x20 || byte == 0x7F) {
      append_hex(out, "\\x", byte, 2);
    } else if (byte == 0xC2 && static_cast<unsigned char>(point[1]) <= 0xA0) {
      append_hex(out, "\\x", static_cast<unsigned char>(point[1]), 2);
    } else if (point == "\u2028") {
      out += "\\u2028";
    } else if (point == "\u2029") {
      out += "\\u2029";
    } else {
      out += point;
    }
  }
  return out += quote;
}

void append_python(std::string& out, const Value& value) {
  if (value.IsString()) {
    const auto text = support::text_of(value);
    out += support::is_number_text(text) ? std::string(text.substr(1)) : python_string(text);
  } else if (value.IsNull()) {
    out += "None";
  } else if (value.IsBool()) {
    out += value.GetBool() ? "True" : "False";
  } else if (value.IsUint64()) {
    out += std::to_string(value.GetUint64());
  } else if (value.IsInt64()) {
    out += std::to_string(value.GetInt64());
  } else if (value.IsNumber()) {
    out += python_float(value.GetDouble());
  } else if (value.IsArray()) {
    const char* separator = "";
    out += '[';
    for (const auto& element : value.GetArray()) {
      out += separator;
      append_python(out, element);
      separator = ", ";
    }
    out += ']';
  } else {
    const char* separator = "";
    out += '{';
    for (const auto& member : value.GetObject()) {
      out += separator;
      out += python_string(support::text_of(member.name)) + ": ";
      append_python(out, member.value);
      separator = ", ";
    }
    out += '}';
  }
}

std::string plain(const Value& value) {
  if (support::is_string(value)) return std::string(support::text_of(value));
  std::string out;
  append_python(out, value);
  return out;
}

// A value on one line: a string with line breaks or none at all is quoted.
std::string one_line(const Value& value) {
  if (!support::is_string(value)) return plain(value);
  const auto text = support::text_of(value);
  const bool quoted = text.empty() || std::any_of(text.begin(), text.end(), [](char c) {
                        return static_cast<unsigned char>(c) < 0x20;
                      });
  return quoted ? python_string(text) : std::string(text);
}

void append_lines(std::string& out, const Value& value, std::string& key) {
  if (!value.IsObject() || value.MemberCount() == 0) {
    out += key.empty() ? one_line(value) : key + " = " + one_line(value);
    out += '\n';
    return;
  }
  const size_t size = key.size();
  for (const auto& member : sorted_members(value)) {
    if (size > 0) key += '.';
    key += support::text_of(member->name);
    append_lines(out, member->value, key);
    key.resize(size);
  }
}

std::string lines(const Value& value) {
  std::string out;
  std::string key;
  append_lines(out, value, key);
  return out;
}

std::string members(const Value& value, std::string_view key) {
  if (!value.IsObject() || value.MemberCount() == 0) return plain(value);
  const std::string start = key.empty() ? "" : std::string(key) + '.';
  const auto sorted = sorted_members(value);
  size_t width = 0;
  for (const auto& member : sorted)
    width = std::max<size_t>(width, start.size() + member->name.GetStringLength());
  std::string out;
  for (const auto& member : sorted) {
    if (!out.empty()) out += '\n';
    out += support::padded(start + std::string(support::text_of(member->name)), width);
    out += " = " + one_line(member->value);
  }
  return out;
}

}  // namespace

std::string render(const Value& value, uint32_t format, std::string_view key) {
  switch (format) {
    case JP_JSON:
      return support::to_json(value);
    case JP_JSON_PRETTY:
      return pretty(value);
    case JP_PLAIN:
      return plain(value);
    case JP_LINES:
      return lines(value);
    case JP_MEMBERS:
      return members(value, key);
    default:
      throw Error(Errc::usage, "format " + std::to_string(format) + " is unknown to this jetpack");
  }
}

}  // namespace jetpack
