// UTF-8: what is well formed, by The Unicode Standard, chapter 3, table 3-7.
#include "support/utf8.hpp"

#include <cstdint>
#include <cstring>

namespace jetpack::support {

namespace {

// The length of the well-formed sequence that `text` begins with, or 0.
size_t sequence_length(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return 1;
  if (lead < 0xC2 || lead > 0xF4) return 0;
  const size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (length > text.size()) return 0;
  const unsigned char low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
  const unsigned char high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
  if (byte(1) < low || byte(1) > high) return 0;
  for (size_t i = 2; i < length; ++i)
    if ((byte(i) & 0xC0) != 0x80) return 0;
  return length;
}

}  // namespace

size_t find_ill_formed(std::string_view text) {
  size_t i = 0;
  while (i < text.size()) {
    uint64_t block = 0;
    if (i + sizeof block <= text.size()) {
      std::memcpy(&block, text.data() + i, sizeof block);
      if ((block & 0x8080808080808080u) == 0) {
        i += sizeof block;
        continue;
      }
    }
    const size_t length = sequence_length(text.substr(i));
    if (length == 0) return i;
    i += length;
  }
  return std::string_view::npos;
}

std::string well_formed(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  for (size_t bad = find_ill_formed(text); bad != std::string_view::npos;
       bad = find_ill_formed(text)) {
    result.append(text.substr(0, bad)).append("\xEF\xBF\xBD");
    text.remove_prefix(bad + 1);
  }
  return result.append(text);
}

std::string_view beginning_of(std::string_view text, size_t max_bytes) {
  if (text.size() <= max_bytes) return text;
  size_t size = max_bytes;
  while (size > 0 && (static_cast<unsigned char>(text[size]) & 0xC0) == 0x80) --size;
  return text.substr(0, size);
}

namespace {

std::string cut_mark(size_t bytes) {
  std::string digits = std::to_string(bytes);
  for (size_t place = digits.size(); place > 3; place -= 3) digits.insert(place - 3, 1, ',');
  return "… " + digits + " bytes cut";
}

}  // namespace

std::string cut(std::string_view text, size_t max_bytes) {
  if (text.size() <= max_bytes) return std::string(text);
  // The mark for all of the text is at least as long as the one for a part of it.
  const auto kept = beginning_of(text, max_bytes - cut_mark(text.size()).size());
  return std::string(kept) + cut_mark(text.size() - kept.size());
}

}  // namespace jetpack::support
