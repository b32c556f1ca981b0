// Bytes as text: percent-encoding (RFC 3986, 2.1), base64 (RFC 4648, 4) and hexadecimal.
#include "support/encoding.hpp"

#include <algorithm>
#include <cstdint>

namespace jetpack::support {

namespace {

constexpr std::string_view unreserved =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
constexpr std::string_view base64_letters =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

std::string percent_encode(std::string_view text, bool keeps_slash) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  std::string result;
  for (const char c : text) {
    if (unreserved.find(c) != std::string_view::npos || (c == '/' && keeps_slash)) {
      result += c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    result += {'%', digits[byte >> 4], digits[byte & 15]};
  }
  return result;
}

// Decodes `text` up to a '%' that does not start a %XX sequence, and removes that part from it.
void percent_decode(std::string_view& text, std::string& result) {
  while (!text.empty()) {
    if (text[0] != '%') {
      result += text[0];
      text.remove_prefix(1);
      continue;
    }
    const int high = text.size() > 2 ? hex_digit_value(text[1]) : -1;
    const int low = text.size() > 2 ? hex_digit_value(text[2]) : -1;
    if (high < 0 || low < 0) return;
    result += static_cast<char>(high * 16 + low);
    text.remove_prefix(3);
  }
}

}  // namespace

std::string percent_encoded(std::string_view text) { return percent_encode(text, false); }

std::string percent_encoded_path(std::string_view text) { return percent_encode(text, true); }

std::optional<std::string> percent_decoded(std::string_view text) {
  std::string result;
  percent_decode(text, result);
  if (!text.empty()) return std::nullopt;
  return result;
}

std::string percent_decoded_leniently(std::string_view text) {
  std::string result;
  for (percent_decode(text, result); !text.empty(); percent_decode(text, result)) {
    result += '%';
    text.remove_prefix(1);
  }
  return result;
}

std::string base64(std::string_view bytes) {
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (; !bytes.empty(); bytes.remove_prefix(std::min<size_t>(3, bytes.size()))) {
    uint32_t group = 0;
    for (size_t i = 0; i < 3; ++i)
      group = group << 8 | (i < bytes.size() ? static_cast<unsigned char>(bytes[i]) : 0);
    for (size_t i = 0; i < 4; ++i)
      text += i <= bytes.size() ? base64_letters[group >> (18 - 6 * i) & 63] : '=';
  }
  return text;
}

std::optional<std::string> base64_decoded(std::string_view text) {
  if (text.size() % 4 == 0)
    for (int i = 0; i < 2 && text.ends_with('='); ++i) text.remove_suffix(1);
  if (text.size() % 4 == 1) return std::nullopt;
  std::string bytes;
  bytes.reserve(text.size() / 4 * 3 + 2);
  uint32_t group = 0;
  size_t bits = 0;
  for (const char c : text) {
    const size_t value = base64_letters.find(c);
    if (value == std::string_view::npos) return std::nullopt;
    group = group << 6 | static_cast<uint32_t>(value);
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    bytes += static_cast<char>(group >> bits & 0xFF);
  }
  return bytes;
}

std::string hex_byte(unsigned char byte) {
  constexpr std::string_view digits = "0123456789abcdef";
  return {digits[byte >> 4], digits[byte & 15]};
}

std::string hex(std::span<const unsigned char> bytes) {
  std::string text;
  text.reserve(bytes.size() * 2);
  for (const unsigned char byte : bytes) text += hex_byte(byte);
  return text;
}

std::string hex(std::string_view bytes) {
  return hex(std::span(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size()));
}

int hex_digit_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace jetpack::support
