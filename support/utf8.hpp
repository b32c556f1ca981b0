// UTF-8: what is well formed, by The Unicode Standard, chapter 3, table 3-7.
#pragma once

#include <string>
#include <string_view>

namespace jetpack::support {

// What some editors begin a UTF-8 file with.
inline constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";

// Where the first ill-formed byte is, or npos.
size_t find_ill_formed(std::string_view text);

inline bool is_utf8(std::string_view text) {
  return find_ill_formed(text) == std::string_view::npos;
}

// The text with each ill-formed byte replaced by U+FFFD.
std::string well_formed(std::string_view text);

// The longest prefix of `text` that has at most `max_bytes` and ends with a complete code point.
std::string_view beginning_of(std::string_view text, size_t max_bytes);

// The text when it has at most `max_bytes`, else its beginning and a mark, "… 5,872 bytes cut",
// within `max_bytes`, which must have room for the mark.
std::string cut(std::string_view text, size_t max_bytes);

}  // namespace jetpack::support
