// JSON read from files and peers: what other readers accept is accepted, errors say where they are,
// and memory and depth are bounded.
//
// Rules, for all readers in the tree: a byte order mark is skipped. Of a name that is there several
// times the last value counts, and only that one is kept. NaN, Infinity, and numbers beyond 64 bits
// or a double keep their text (see is_number_text). A string with half of a surrogate pair or bytes
// that are not UTF-8 has U+FFFD in their place; control characters in it, and a backslash that
// begins no escape, stand for themselves. Everything else that is not JSON is an error.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include <rapidjson/document.h>

#include "support/utf8.hpp"

namespace jetpack::support {

// Deepest nesting that is accepted, so that walking a document never exhausts the stack.
inline constexpr unsigned max_json_depth = 256;

// How much is kept of a document. What is skipped does not count.
inline constexpr size_t max_json_memory = 256 << 20;

enum class JsonRules {
  lenient,
  // For what is passed on to other readers: NaN and Infinity are errors, because those readers may
  // refuse a whole document for them.
  relayed,
  // For what is run or sent: a string that needed any of this is an error, too.
  strict,
};

// A parsed document.
class Json {
 public:
  // Throws Errc::corrupt: "`name`, line 3, column 7: found 'x', ..." `name` is the file. With a
  // dotted `key` only what it leads to is kept, each of its parts being a member's name or several
  // joined by dots; of the rest only the syntax is checked. Throws Errc::failed when what is kept
  // needs more than max_json_memory.
  static Json parse(std::string_view text, const std::string& name, std::string_view key = {},
                    JsonRules rules = JsonRules::lenient);

  // nullopt when there is no such file. A file that is being rewritten in place is read again, for
  // some milliseconds.
  static std::optional<Json> read(const std::string& path, std::string_view key = {},
                                  JsonRules rules = JsonRules::lenient);

  const rapidjson::Value& root() const { return document_; }
  rapidjson::Document& document() { return document_; }

 private:
  Json() = default;

  rapidjson::Document document_;
};

// A number that neither 64 bits nor a double can hold, NaN, or an infinity: kept as its text behind
// a byte that is never in UTF-8, so that no string of a document is mistaken for one. Such a value
// is a string for RapidJSON, which copies, compares and merges it like any other, and where it goes
// its text goes; a double with a payload or a table beside the document would not survive that. Use
// is_string() instead of IsString(), and JsonWriter (json_writer.hpp), which writes it as it came.
inline constexpr char number_mark = '\xFF';

// Whether what follows the mark can be written as it is: a text from elsewhere may begin like it.
bool is_unquoted_number(std::string_view text);

inline bool is_number_text(std::string_view text) {
  return !text.empty() && text[0] == number_mark && is_unquoted_number(text.substr(1));
}

inline std::string_view text_of(const rapidjson::Value& text) {
  return {text.GetString(), text.GetStringLength()};
}

// Whether it is a string, and not a number kept as text.
inline bool is_string(const rapidjson::Value& value) {
  return value.IsString() && !is_number_text(text_of(value));
}

// The member `name` of an object, the last of several; nullptr when there is none or `value` is not
// an object.
const rapidjson::Value* find_member(const rapidjson::Value& value, std::string_view name);

// The same, but nullptr also for a member that is null: CycleCloud prints null for what is unset.
const rapidjson::Value* find_value(const rapidjson::Value& value, std::string_view name);

// Finds members of an object that is searched many times; it must outlive the index and keep its
// members. Of anything else than an object, or of nullptr, none is found.
class MemberIndex {
 public:
  explicit MemberIndex(const rapidjson::Value* object);
  // nullptr when there is none.
  const rapidjson::Value* find(std::string_view name) const;

 private:
  std::unordered_map<std::string_view, const rapidjson::Value*> members_;
};

// The member's text; nullopt when it is missing or not a string.
std::optional<std::string> find_string(const rapidjson::Value& value, std::string_view name);

// The member's text; the fallback when it is missing or not a string.
std::string text_or(const rapidjson::Value& value, std::string_view name,
                    std::string_view fallback);

// The member's number, which may be written 20001, 20001.0 or "20001"; the fallback when it is
// missing or not a whole number from 0.
uint64_t number_or(const rapidjson::Value& value, std::string_view name, uint64_t fallback);

// Json::parse, for a document that its reader goes on to change.
rapidjson::Document parse_json(std::string_view text, const std::string& name,
                               JsonRules rules = JsonRules::lenient);

// Compact JSON.
std::string to_json(const rapidjson::Value& value);
// Indented by 4, a member on each line.
std::string to_pretty_json(const rapidjson::Value& value);
// As commands print it with --json, however `text` was written: indented by 4, with a line break at
// the end.
std::string shown_json(std::string_view text);

}  // namespace jetpack::support
