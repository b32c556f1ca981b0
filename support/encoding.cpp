// Percent-encoding, as in URLs (RFC 3986, 2.1).
#include "support/encoding.hpp"

namespace jetpack::support {

namespace {

constexpr std::string_view plain =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";

std::string encode(std::string_view text, bool keeps_slash) {
  constexpr char digits[] = "0123456789ABCDEF";
  std::string result;
  for (const char c : text) {
    if (plain.find(c) != std::string_view::npos || (c == '/' && keeps_slash)) {
      result += c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    result += {'%', digits[byte >> 4], digits[byte & 15]};
  }
  return result;
}

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// Appends what `text` stands for, up to a '%' that does not begin a %XX; takes that off `text`.
void decode(std::string_view& text, std::string& result) {
  while (!text.empty()) {
    if (text[0] != '%') {
      result += text[0];
      text.remove_prefix(1);
      continue;
    }
    const int high = text.size() > 2 ? hex_value(text[1]) : -1;
    const int low = text.size() > 2 ? hex_value(text[2]) : -1;
    if (high < 0 || low < 0) return;
    result += static_cast<char>(high * 16 + low);
    text.remove_prefix(3);
  }
}

}  // namespace

std::string percent_encoded(std::string_view text) { return encode(text, false); }

std::string percent_encoded_path(std::string_view text) { return encode(text, true); }

std::optional<std::string> percent_decoded(std::string_view text) {
  std::string result;
  decode(text, result);
  if (!text.empty()) return std::nullopt;
  return result;
}

std::string percent_decoded_leniently(std::string_view text) {
  std::string result;
  for (decode(text, result); !text.empty(); decode(text, result)) {
    result += '%';
    text.remove_prefix(1);
  }
  return result;
}

}  // namespace jetpack::support
