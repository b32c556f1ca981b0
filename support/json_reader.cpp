// Reads a JSON document, or the part of it that a dotted key leads to, from its bytes.
#include "support/json_reader.hpp"

#include <array>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <string>

#include <jetpack/error.hpp>
#include "support/encoding.hpp"
#include "support/text.hpp"
#include "support/utf8.hpp"

namespace jetpack::support {

namespace {

constexpr unsigned replacement_character = 0xFFFD;

// Whether the byte needs no escape in a string.
bool is_plain(char c) {
  static constexpr auto table = [] {
    std::array<bool, 256> plain{};
    for (size_t byte = 0x20; byte < plain.size(); ++byte) plain[byte] = byte != '"' && byte != '\\';
    return plain;
  }();
  return table[static_cast<unsigned char>(c)];
}

bool is_space(char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }
bool is_high_surrogate(unsigned unit) { return unit >= 0xD800 && unit < 0xDC00; }
bool is_low_surrogate(unsigned unit) { return unit >= 0xDC00 && unit < 0xE000; }

}  // namespace

std::optional<JsonReader::Selection> JsonReader::Selection::below(std::string_view name) const {
  if (all || rest == name) return Selection{{}, true};
  if (rest.starts_with(name) && rest[name.size()] == '.')
    return Selection{rest.substr(name.size() + 1), false};
  return std::nullopt;
}

void JsonReader::read(std::string_view key) {
  // A byte order mark, as Notepad and PowerShell write it.
  if (input_.peek() == byte_order_mark[0]) pass_word(byte_order_mark);
  read_value({key, key.empty()});
  next_token();
  if (!input_.is_at_end()) input_.fail("expected the end of the document");
}

void JsonReader::read_value(Selection selection) {
  const char first = next_token();
  count(sizeof(rapidjson::Value));
  if (first == '{') return read_object(selection);
  if (!selection.all && (first == '[' || first == '"')) {
    // No key leads into it; what counts is what it is.
    skip_value();
    if (first == '"') return keep("");
    document_.StartArray();
    document_.EndArray(0);
    return;
  }
  if (first == '[') return read_array();
  if (first == '"') {
    pass_string(true);
    return keep(scratch_);
  }
  read_word_or_number();
}

void JsonReader::read_object(Selection selection) {
  rapidjson::SizeType kept = 0;
  document_.StartObject();
  for (bool more = enter('}'); more; more = continues('}')) {
    pass_name(true);
    const auto below = selection.below(scratch_);
    if (below) {
      ++kept;
      count(sizeof(rapidjson::Value) + scratch_.size());
      document_.Key(scratch_.data(), static_cast<rapidjson::SizeType>(scratch_.size()), true);
    }
    expect(':');
    if (below) {
      read_value(*below);
    } else {
      skip_value();
    }
  }
  --depth_;
  document_.EndObject(kept);
}

void JsonReader::read_array() {
  rapidjson::SizeType kept = 0;
  document_.StartArray();
  for (bool more = enter(']'); more; more = continues(']')) {
    read_value({{}, true});
    ++kept;
  }
  --depth_;
  document_.EndArray(kept);
}

void JsonReader::read_word_or_number() {
  switch (input_.peek()) {
    case 't':
      pass_word("true");
      document_.Bool(true);
      return;
    case 'f':
      pass_word("false");
      document_.Bool(false);
      return;
    case 'n':
      pass_word("null");
      document_.Null();
      return;
    default:
      read_number();
  }
}

void JsonReader::read_number() {
  const bool is_integer = pass_number();
  const char* const end = scratch_.data() + scratch_.size();
  if (is_integer) {
    int64_t integer = 0;
    uint64_t natural = 0;
    if (std::from_chars(scratch_.data(), end, integer).ec == std::errc()) {
      document_.Int64(integer);
      return;
    }
    if (std::from_chars(scratch_.data(), end, natural).ec == std::errc()) {
      document_.Uint64(natural);
      return;
    }
  } else if (is_digit(scratch_.back())) {
    // Not std::from_chars, which needs libm and would slow down the start of every command.
    const double number = std::strtod(scratch_.c_str(), nullptr);
    if (std::isfinite(number)) {
      document_.Double(number);
      return;
    }
  }
  keep(number_mark + scratch_);
}

void JsonReader::keep(std::string_view text) {
  count(text.size());
  document_.String(text.data(), static_cast<rapidjson::SizeType>(text.size()), true);
}

void JsonReader::count(size_t bytes) {
  memory_ += bytes;
  if (memory_ > max_json_memory)
    throw Error(Errc::failed, input_.name() + ": too large for memory, the limit is " +
                                  std::to_string(max_json_memory >> 20) +
                                  " MiB; request a single key");
}

// Skips a value, checking only its syntax.
void JsonReader::skip_value() {
  switch (next_token()) {
    case '{':
      for (bool more = enter('}'); more; more = continues('}')) {
        pass_name(false);
        expect(':');
        skip_value();
      }
      --depth_;
      return;
    case '[':
      for (bool more = enter(']'); more; more = continues(']')) skip_value();
      --depth_;
      return;
    case '"':
      return pass_string(false);
    case 't':
      return pass_word("true");
    case 'f':
      return pass_word("false");
    case 'n':
      return pass_word("null");
    default:
      pass_number();
  }
}

void JsonReader::pass_name(bool keeps) {
  if (next_token() != '"') input_.fail("expected a member's name in quotes");
  pass_string(keeps);
}

void JsonReader::pass_string(bool keeps) {
  const uint64_t start = input_.offset();
  input_.advance();
  scratch_.clear();
  for (;;) {
    const auto run = input_.advance_while(is_plain);
    if (keeps) append(run);
    const char stop = input_.peek();
    if (is_plain(stop)) continue;
    if (input_.is_at_end()) input_.fail("expected the end of the string");
    if (stop != '"' && stop != '\\' && rules_ == JsonRules::strict)
      input_.fail("expected control characters to be escaped");
    input_.advance();
    if (stop == '"') break;
    if (stop == '\\') {
      pass_escape(keeps);
    } else if (keeps) {
      scratch_ += stop;
    }
  }
  if (keeps && !is_utf8(scratch_)) repair_text(start);
}

void JsonReader::append(std::string_view run) {
  scratch_ += run;
  if (scratch_.size() > max_json_memory) count(scratch_.size());
}

void JsonReader::repair_text(uint64_t start) {
  if (rules_ == JsonRules::strict) input_.fail_at(start, "found a string that is not valid UTF-8");
  scratch_ = well_formed(scratch_);
}

void JsonReader::pass_escape(bool keeps) {
  const char letter = input_.peek();
  if (letter == 'u') return pass_unicode_escape(keeps);
  constexpr std::string_view letters = "\"\\/bfnrt", meanings = "\"\\/\b\f\n\r\t";
  const size_t known = letter == '\0' ? std::string_view::npos : letters.find(letter);
  if (known == std::string_view::npos) {
    if (rules_ == JsonRules::strict || input_.is_at_end())
      input_.fail("expected one of \"\\/bfnrtu after \\");
    // As it stands: a path of Windows, most likely.
    if (keeps) scratch_ += '\\';
    return;
  }
  input_.advance();
  if (keeps) scratch_ += meanings[known];
}

// Half of a surrogate pair, as Python writes it for a byte that it cannot decode, becomes U+FFFD.
void JsonReader::pass_unicode_escape(bool keeps) {
  unsigned unit = read_unit();
  while (is_high_surrogate(unit)) {
    if (input_.peek() != '\\') return keep_code_point(lone_surrogate(), keeps);
    input_.advance();
    if (input_.peek() != 'u') {
      keep_code_point(lone_surrogate(), keeps);
      return pass_escape(keeps);
    }
    const unsigned second = read_unit();
    if (is_low_surrogate(second))
      return keep_code_point(0x10000 + ((unit - 0xD800) << 10) + (second - 0xDC00), keeps);
    keep_code_point(lone_surrogate(), keeps);
    unit = second;
  }
  keep_code_point(is_low_surrogate(unit) ? lone_surrogate() : unit, keeps);
}

unsigned JsonReader::lone_surrogate() {
  if (rules_ == JsonRules::strict)
    input_.fail_at(input_.offset(), "found half of a surrogate pair in a string");
  return replacement_character;
}

// The UTF-16 code unit of "uXXXX".
unsigned JsonReader::read_unit() {
  input_.advance();
  unsigned unit = 0;
  for (int i = 0; i < 4; ++i) {
    const int digit = hex_digit_value(input_.peek());
    if (digit < 0) input_.fail("expected four hexadecimal digits after \\u");
    input_.advance();
    unit = unit << 4 | static_cast<unsigned>(digit);
  }
  return unit;
}

void JsonReader::keep_code_point(unsigned point, bool keeps) {
  if (!keeps) return;
  const auto put = [&](unsigned byte) { scratch_ += static_cast<char>(byte); };
  const auto put_tail = [&](int shift) { put(0x80 | (point >> shift & 0x3F)); };
  if (point < 0x80) return put(point);
  if (point < 0x800) {
    put(0xC0 | point >> 6);
  } else {
    if (point < 0x10000) {
      put(0xE0 | point >> 12);
    } else {
      put(0xF0 | point >> 18);
      put_tail(12);
    }
    put_tail(6);
  }
  put_tail(0);
}

// Whether it is an integer; its text is then in scratch_.
bool JsonReader::pass_number() {
  scratch_.clear();
  if (input_.peek() == '-') pass_character();
  if (const char first = input_.peek();
      rules_ == JsonRules::lenient && (first == 'I' || first == 'N')) {
    const std::string_view word = first == 'N' && scratch_.empty() ? "NaN" : "Infinity";
    pass_word(word);
    scratch_ += word;
    return false;
  }
  bool is_integer = true;
  if (input_.peek() == '0') {
    pass_character();
  } else {
    pass_digits();
  }
  if (input_.peek() == '.') {
    is_integer = false;
    pass_character();
    pass_digits();
  }
  if (input_.peek() == 'e' || input_.peek() == 'E') {
    is_integer = false;
    pass_character();
    if (input_.peek() == '+' || input_.peek() == '-') pass_character();
    pass_digits();
  }
  return is_integer;
}

void JsonReader::pass_character() {
  scratch_ += input_.peek();
  input_.advance();
}

void JsonReader::pass_digits() {
  if (!is_digit(input_.peek()))
    input_.fail(scratch_.empty() ? "expected a value" : "expected a digit");
  while (is_digit(input_.peek())) append(input_.advance_while(is_digit));
}

void JsonReader::pass_word(std::string_view word) {
  for (const char letter : word) {
    if (input_.peek() != letter) input_.fail("expected " + std::string(word));
    input_.advance();
  }
}

char JsonReader::next_token() {
  while (is_space(input_.peek())) input_.advance_while(is_space);
  return input_.peek();
}

void JsonReader::expect(char token) {
  if (next_token() != token) input_.fail(std::string("expected '") + token + "'");
  input_.advance();
}

bool JsonReader::enter(char close) {
  input_.advance();
  if (++depth_ > max_json_depth)
    input_.fail_at(input_.offset(),
                   "nested deeper than " + std::to_string(max_json_depth) + " levels");
  if (next_token() != close) return true;
  input_.advance();
  return false;
}

bool JsonReader::continues(char close) {
  const char separator = next_token();
  if (separator != ',' && separator != close)
    input_.fail(std::string("expected ',' or '") + close + "'");
  input_.advance();
  return separator == ',';
}

}  // namespace jetpack::support
