// Trims, pads and escapes text.
#include "support/text.hpp"

#include <algorithm>

#include "support/encoding.hpp"
#include "support/utf8.hpp"

namespace jetpack::support {

namespace {

std::string escape_of(unsigned char control) {
  switch (control) {
    case '\n':
      return "\\n";
    case '\t':
      return "\\t";
    case '\r':
      return "\\r";
    default:
      return "\\x" + hex_byte(control);
  }
}

}  // namespace

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view blanks = " \t\r\n";
  const size_t first = text.find_first_not_of(blanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

std::string lower_case(std::string_view text) {
  std::string result(text);
  for (char& c : result)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return result;
}

std::string padded(std::string text, size_t width) {
  text.resize(std::max(width, text.size()), ' ');
  return text;
}

std::string one_line(std::string_view text) {
  const std::string readable = well_formed(text);
  std::string line;
  line.reserve(readable.size());
  for (size_t i = 0; i < readable.size(); ++i) {
    const auto byte = static_cast<unsigned char>(readable[i]);
    // The second block of control characters, U+0080 to U+009F, has two bytes.
    const bool is_second_block = byte == 0xC2 && static_cast<unsigned char>(readable[i + 1]) < 0xA0;
    if (is_second_block) {
      line += escape_of(static_cast<unsigned char>(readable[++i]));
    } else if (byte < 0x20 || byte == 0x7F) {
      line += escape_of(byte);
    } else {
      line += readable[i];
    }
  }
  return line;
}

}  // namespace jetpack::support
