// Trims, pads and escapes text.
#include "support/text.hpp"

#include <algorithm>
#include <cstdint>

#include "support/encoding.hpp"
#include "support/utf8.hpp"

namespace jetpack::support {

namespace {

// A character that could steer a terminal or hide what is there: how many bytes it has, 0 when the
// text begins with another one; and its code point.
struct Control {
  size_t size = 0;
  uint32_t point = 0;
};

// The blocks C0 and C1, and what changes the direction or the line of text (Unicode Standard Annex
// 9, table 3; U+2028 and U+2029). The text is UTF-8.
Control control_in(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  if (byte(0) < 0x20 || byte(0) == 0x7F) return {1, byte(0)};
  if (byte(0) == 0xC2 && byte(1) < 0xA0) return {2, byte(1)};
  if (byte(0) == 0xD8 && byte(1) == 0x9C) return {2, 0x061C};
  if (byte(0) != 0xE2 || (byte(1) & 0xFEU) != 0x80) return {};
  const uint32_t point = 0x2000U + ((byte(1) & 0x3FU) << 6U) + (byte(2) & 0x3FU);
  const bool steers = point == 0x200E || point == 0x200F || (point >= 0x2028 && point <= 0x202E) ||
                      (point >= 0x2066 && point <= 0x2069);
  return steers ? Control{3, point} : Control{};
}

std::string escape_of(uint32_t point) {
  switch (point) {
    case '\n':
      return "\\n";
    case '\t':
      return "\\t";
    case '\r':
      return "\\r";
    default: {
      const std::string low = hex_byte(static_cast<unsigned char>(point & 0xFFU));
      return point < 0x100 ? "\\x" + low
                           : "\\u" + hex_byte(static_cast<unsigned char>(point >> 8U)) + low;
    }
  }
}

std::string escaped(std::string_view text, std::string_view kept) {
  const std::string readable = well_formed(text);
  std::string safe;
  safe.reserve(readable.size());
  for (size_t i = 0; i < readable.size(); ++i) {
    const Control control = control_in(std::string_view(readable).substr(i));
    if (control.size == 0 || kept.find(readable[i]) != std::string_view::npos) {
      safe += readable[i];
    } else {
      safe += escape_of(control.point);
      i += control.size - 1;
    }
  }
  return safe;
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

std::string one_line(std::string_view text) { return escaped(text, {}); }

std::string printable(std::string_view text) { return escaped(text, "\n\t"); }

}  // namespace jetpack::support
