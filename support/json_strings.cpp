// Reads the strings of a JSON document, with what people and programs write in them.
#include <array>
#include <string>
#include <string_view>

#include "support/encoding.hpp"
#include "support/json_reader.hpp"
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

bool is_high_surrogate(unsigned unit) { return unit >= 0xD800 && unit < 0xDC00; }
bool is_low_surrogate(unsigned unit) { return unit >= 0xDC00 && unit < 0xE000; }

}  // namespace

// As pass_string(false), and quick where there are no escapes.
void JsonReader::skip_string() {
  input_.advance();
  input_.advance_plain();
  if (input_.peek_in_piece() != '"') return pass_rest_of_string(false);
  input_.advance();
}

void JsonReader::pass_string(bool keeps) {
  const uint64_t start = input_.offset();
  input_.advance();
  scratch_.clear();
  pass_rest_of_string(keeps);
  if (keeps && !is_utf8(scratch_)) repair_text(start);
}

void JsonReader::pass_rest_of_string(bool keeps) {
  for (;;) {
    const auto run = input_.advance_plain();
    if (keeps) append(run);
    const char stop = input_.peek();
    if (is_plain(stop)) continue;
    if (input_.is_at_end()) input_.fail("expected the end of the string");
    if (stop != '"' && stop != '\\' && rules_ == JsonRules::strict)
      input_.fail("expected control characters to be escaped");
    input_.advance();
    if (stop == '"') return;
    if (stop == '\\') {
      pass_escape(keeps);
    } else if (keeps) {
      scratch_ += stop;
    }
  }
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

}  // namespace jetpack::support
