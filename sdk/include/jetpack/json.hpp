// jetpack/json.hpp: JSON in memory: read, change and write it.
//
//   jetpack::Json gpu = jetpack::Json::object();
//   gpu.set("index", 3).set("name", "A100").set("free", true);
//   call.print(gpu.pretty());
//
//   const auto settings = jetpack::Json::parse(text, "gpu.json");
//   for (const auto& name : settings["names"].elements()) use(name.text_or(""));
//
// For documents of some megabytes: all of it is kept. Needs nothing of jetpack but its errors.
#pragma once

#include <jetpack/detail/requirements.hpp>
#include <jetpack/error.hpp>

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace jetpack {

namespace detail {

// The bytes of the well-formed UTF-8 sequence that `text` begins with, or 0.
constexpr size_t utf8_length(std::string_view text) noexcept {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  if (text.empty()) return 0;
  const unsigned char lead = byte(0);
  if (lead < 0x80) return 1;
  if (lead < 0xC2 || lead > 0xF4) return 0;
  const size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (length > text.size()) return 0;
  const unsigned char low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
  const unsigned char high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
  if (byte(1) < low || byte(1) > high) return 0;
  for (size_t i = 2; i < length; ++i)
    if ((byte(i) & 0xC0U) != 0x80U) return 0;
  return length;
}

class JsonReader;

inline constexpr std::string_view replacement = "\xEF\xBF\xBD";  // U+FFFD

}  // namespace detail

// The text as a JSON string, with its quotes. Bytes that are not UTF-8 become U+FFFD. [thread-safe]
inline std::string json_string(std::string_view text) {
  constexpr std::string_view hex = "0123456789abcdef";
  std::string json = "\"";
  while (!text.empty()) {
    const auto byte = static_cast<unsigned char>(text[0]);
    const size_t length = detail::utf8_length(text);
    if (length == 0) {
      json += detail::replacement;
    } else if (byte < 0x20) {
      json += "\\u00";
      json += hex[byte >> 4U];
      json += hex[byte & 15U];
    } else {
      if (byte == '"' || byte == '\\') json += '\\';
      json += text.substr(0, length);
    }
    text.remove_prefix(length == 0 ? 1 : length);
  }
  json += '"';
  return json;
}

// A JSON value. A copy is a whole copy. Reading never fails: what is missing or of another kind is
// null, and the caller's fallback. A value is used by one thread at a time, or only read.
// [thread-safe]
class Json {
 public:
  using Member = std::pair<std::string, Json>;

  Json() = default;                    // null
  Json(std::nullptr_t) {}              // NOLINT: json.set("x", nullptr)
  Json(bool value) : value_(value) {}  // NOLINT
  template <std::integral Number>
  requires(!std::same_as<Number, bool> && !std::same_as<Number, char>)
      Json(Number value) {  // NOLINT
    if (std::in_range<int64_t>(value)) {
      value_ = static_cast<int64_t>(value);
    } else {
      value_ = static_cast<double>(value);
    }
  }
  Json(double value) : value_(value) {}                         // NOLINT
  Json(std::string value) : value_(std::move(value)) {}         // NOLINT
  Json(std::string_view value) : value_(std::string(value)) {}  // NOLINT
  Json(const char* value) : value_(std::string(value)) {}       // NOLINT

  static Json object() {
    Json json;
    json.value_ = Members();
    return json;
  }
  static Json array() {
    Json json;
    json.value_ = Elements();
    return json;
  }

  // Reads one JSON document, of at most 256 levels. Of a name that is there twice the last value
  // counts; numbers beyond 64 bits become doubles. Throws Errc::corrupt: "`name`, line 3, column 7:
  // expected a value".
  static Json parse(std::string_view text, const std::string& name = "the JSON text");

  bool is_null() const noexcept { return std::holds_alternative<std::nullptr_t>(value_); }
  bool is_bool() const noexcept { return std::holds_alternative<bool>(value_); }
  bool is_text() const noexcept { return std::holds_alternative<std::string>(value_); }
  bool is_object() const noexcept { return std::holds_alternative<Members>(value_); }
  bool is_array() const noexcept { return std::holds_alternative<Elements>(value_); }
  bool is_number() const noexcept {
    return std::holds_alternative<int64_t>(value_) || std::holds_alternative<double>(value_);
  }

  bool bool_or(bool fallback) const noexcept {
    const bool* value = std::get_if<bool>(&value_);
    return value != nullptr ? *value : fallback;
  }
  // A whole number, also when it is written 3.0.
  int64_t integer_or(int64_t fallback) const noexcept {
    constexpr double limit = 9.2e18;
    if (const auto* value = std::get_if<int64_t>(&value_)) return *value;
    const auto* value = std::get_if<double>(&value_);
    if (value == nullptr || !(*value > -limit && *value < limit)) return fallback;
    const auto whole = static_cast<int64_t>(*value);
    return static_cast<double>(whole) == *value ? whole : fallback;
  }
  double number_or(double fallback) const noexcept {
    if (const auto* value = std::get_if<int64_t>(&value_)) return static_cast<double>(*value);
    const auto* value = std::get_if<double>(&value_);
    return value != nullptr ? *value : fallback;
  }
  // Valid as long as the value; what is asked of a temporary is a copy, here and below.
  std::string_view text_or(std::string_view fallback) const& noexcept {
    const auto* value = std::get_if<std::string>(&value_);
    return value != nullptr ? std::string_view(*value) : fallback;
  }
  std::string text_or(std::string_view fallback) && {
    return std::string(static_cast<const Json&>(*this).text_or(fallback));
  }

  // Of an object the member, of an array the element; null when there is none.
  const Json& operator[](std::string_view name) const& noexcept;
  const Json& operator[](const char* name) const& noexcept {
    return (*this)[std::string_view(name)];
  }
  // An integer of any type, so that [0] is no null pointer.
  const Json& operator[](std::integral auto index) const& noexcept {
    return std::in_range<size_t>(index) && static_cast<size_t>(index) < elements().size()
               ? elements()[static_cast<size_t>(index)]
               : null_value();
  }
  Json operator[](std::string_view name) && { return static_cast<const Json&>(*this)[name]; }
  Json operator[](const char* name) && { return static_cast<const Json&>(*this)[name]; }
  Json operator[](std::integral auto index) && { return static_cast<const Json&>(*this)[index]; }
  // What a dotted key leads to: "cyclecloud.node.name".
  const Json& at_path(std::string_view dotted) const& noexcept;
  Json at_path(std::string_view dotted) && {
    return static_cast<const Json&>(*this).at_path(dotted);
  }
  bool has(std::string_view name) const noexcept;

  // The members in their order, each a name and a value; the elements. None when it is something
  // else.
  const std::vector<Member>& members() const& noexcept;
  const std::vector<Json>& elements() const& noexcept;
  std::vector<Member> members() && { return static_cast<const Json&>(*this).members(); }
  std::vector<Json> elements() && { return static_cast<const Json&>(*this).elements(); }
  size_t size() const noexcept { return is_array() ? elements().size() : members().size(); }

  // Sets a member; what is not an object becomes one.
  Json& set(std::string_view name, Json value);
  // The same at a dotted key; objects on the way are created.
  Json& set_path(std::string_view dotted, Json value);
  // Adds an element; what is not an array becomes one.
  Json& add(Json value);

  // Compact, without a line's end. A double that JSON cannot hold is null.
  std::string dump() const {
    std::string out;
    write(out, no_indent, 0);
    return out;
  }
  // As commands print it with --json: indented by 4, with a line's end.
  std::string pretty() const {
    std::string out;
    write(out, 4, 0);
    return out + '\n';
  }

  friend bool operator==(const Json& a, const Json& b) { return a.dump() == b.dump(); }

 private:
  friend class detail::JsonReader;
  using Members = std::vector<Member>;
  using Elements = std::vector<Json>;

  static constexpr size_t no_indent = std::numeric_limits<size_t>::max();

  static Json of_members(Members members) {
    Json json;
    json.value_ = std::move(members);
    return json;
  }
  static const Json& null_value() noexcept {
    static const Json null;
    return null;
  }
  static std::string number_text(double value);
  static void break_line(std::string& out, size_t indent, size_t depth) {
    if (indent != no_indent) out += '\n' + std::string(indent * depth, ' ');
  }
  template <class Items, class Write>
  static void write_items(std::string& out, const Items& items, std::string_view brackets,
                          size_t indent, size_t depth, Write write_item) {
    out += brackets[0];
    bool is_first = true;
    for (const auto& item : items) {
      if (!is_first) out += ',';
      is_first = false;
      break_line(out, indent, depth + 1);
      write_item(item);
    }
    if (!is_first) break_line(out, indent, depth);
    out += brackets[1];
  }
  void write(std::string& out, size_t indent, size_t depth) const;

  std::variant<std::nullptr_t, bool, int64_t, double, std::string, Members, Elements> value_ =
      nullptr;
};

inline const std::vector<Json::Member>& Json::members() const& noexcept {
  static const Members none;
  const auto* members = std::get_if<Members>(&value_);
  return members != nullptr ? *members : none;
}

inline const std::vector<Json>& Json::elements() const& noexcept {
  static const Elements none;
  const auto* elements = std::get_if<Elements>(&value_);
  return elements != nullptr ? *elements : none;
}

inline const Json& Json::operator[](std::string_view name) const& noexcept {
  for (const auto& [known, value] : members())
    if (known == name) return value;
  return null_value();
}

inline const Json& Json::at_path(std::string_view dotted) const& noexcept {
  const Json* value = this;
  while (!dotted.empty()) {
    const size_t dot = dotted.find('.');
    value = &(*value)[dotted.substr(0, dot)];
    dotted = dot == std::string_view::npos ? std::string_view() : dotted.substr(dot + 1);
  }
  return *value;
}

inline bool Json::has(std::string_view name) const noexcept {
  for (const auto& member : members())
    if (member.first == name) return true;
  return false;
}

inline Json& Json::set(std::string_view name, Json value) {
  if (!is_object()) value_ = Members();
  auto& members = std::get<Members>(value_);
  for (auto& member : members) {
    if (member.first != name) continue;
    member.second = std::move(value);
    return *this;
  }
  members.emplace_back(name, std::move(value));
  return *this;
}

inline Json& Json::set_path(std::string_view dotted, Json value) {
  const size_t dot = dotted.find('.');
  if (dot == std::string_view::npos) return set(dotted, std::move(value));
  Json inner = (*this)[dotted.substr(0, dot)];
  inner.set_path(dotted.substr(dot + 1), std::move(value));
  return set(dotted.substr(0, dot), std::move(inner));
}

inline Json& Json::add(Json value) {
  if (!is_array()) value_ = Elements();
  std::get<Elements>(value_).push_back(std::move(value));
  return *this;
}

// The shortest text that reads as the same double.
inline std::string Json::number_text(double value) {
  if (!(value - value == 0)) return "null";  // infinite, or not a number
  std::array<char, 40> text{};
  for (int digits = 15; digits <= 17; ++digits) {
    std::snprintf(text.data(), text.size(), "%.*g", digits, value);
    if (std::strtod(text.data(), nullptr) == value) break;
  }
  std::string number = text.data();
  for (char& c : number)
    if (c == ',') c = '.';  // as some locales have it
  if (number.find_first_of(".e") == std::string::npos) number += ".0";
  return number;
}

inline void Json::write(std::string& out, size_t indent, size_t depth) const {
  if (is_null()) {
    out += "null";
  } else if (const bool* truth = std::get_if<bool>(&value_)) {
    out += *truth ? "true" : "false";
  } else if (const auto* integer = std::get_if<int64_t>(&value_)) {
    out += std::to_string(*integer);
  } else if (const auto* number = std::get_if<double>(&value_)) {
    out += number_text(*number);
  } else if (const auto* text = std::get_if<std::string>(&value_)) {
    out += json_string(*text);
  } else if (is_array()) {
    write_items(out, elements(), "[]", indent, depth,
                [&](const Json& element) { element.write(out, indent, depth + 1); });
  } else {
    write_items(out, members(), "{}", indent, depth, [&](const Member& member) {
      out += json_string(member.first) + (indent == no_indent ? ":" : ": ");
      member.second.write(out, indent, depth + 1);
    });
  }
}

}  // namespace jetpack

#include <jetpack/json_reader.hpp>
