// The text around a candidate, as the rules for secrets read it.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "support/redact_rules.hpp"
#include "support/text.hpp"

namespace jetpack::support {

inline constexpr std::string_view backslashes = "\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\";  // 15
inline constexpr size_t deepest_quote = backslashes.size();
inline constexpr std::string_view blank_bytes = " \t";
inline constexpr size_t most_blanks = 16;

constexpr char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; }
constexpr bool is_alnum(char c) { return is_digit(c) || (lower(c) >= 'a' && lower(c) <= 'z'); }
constexpr bool is_name_char(char c) { return is_alnum(c) || c == '_' || c == '-'; }
constexpr bool is_quote(char c) { return c == '"' || c == '\''; }
constexpr bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }
constexpr bool is_base64(char c) { return is_alnum(c) || c == '+' || c == '/' || c == '='; }
constexpr bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
constexpr bool is_one_of(char c, std::string_view set) {
  return set.find(c) != std::string_view::npos;
}

constexpr std::array<uint16_t, 256> make_ends() {
  std::array<uint16_t, 256> table{};
  for (size_t byte = 0; byte < table.size(); ++byte) {
    const char c = static_cast<char>(byte);
    const bool line = is_one_of(c, "\r\n");
    const bool quote = line || c == '\0' || is_quote(c);
    const bool blank = quote || is_one_of(c, blank_bytes);
    uint16_t ends = 0;
    if (line) ends |= Masking::at_line;
    if (quote) ends |= Masking::at_quote;
    if (blank) ends |= Masking::at_blank;
    if (blank || c == ';') ends |= Masking::at_field;
    if (blank || is_one_of(c, ";&,<>)}|")) ends |= Masking::at_list;
    if (!is_alnum(c) && !is_one_of(c, "%+/=-_.~")) ends |= Masking::at_other;
    if (!is_name_char(c) && c != '.') ends |= Masking::at_web_token;
    if (blank || is_one_of(c, "@<>")) ends |= Masking::at_sign;
    if (blank || is_one_of(c, "/?#\\`<>")) ends |= Masking::at_authority;
    if (line || c == '<') ends |= Masking::at_tag;
    table[byte] = ends;
  }
  return table;
}

inline constexpr std::array<uint16_t, 256> ends_of = make_ends();

// Whether the byte is one of those at which such a bare value ends.
inline bool ends(char c, Masking::End end) {
  return (ends_of[static_cast<unsigned char>(c)] & end) != 0;
}

// Reads the window forward and backward without ever leaving it: what is outside reads as '\n'.
class WindowReader {
 public:
  explicit WindowReader(const Window& window) : window_(window) {}

  char operator[](size_t at) const { return at < size() ? window_.text[at] : '\n'; }
  size_t size() const { return window_.text.size(); }
  size_t at() const { return window_.at; }

  // The byte before; a letter where the context ends.
  char before(size_t at) const { return at > 0 ? window_.text[at - 1] : 'x'; }

  // In any case; `word` is in lower case.
  bool has(size_t at, std::string_view word) const {
    if (at > size() || size() - at < word.size()) return false;
    return std::equal(word.begin(), word.end(), window_.text.begin() + static_cast<ptrdiff_t>(at),
                      [](char w, char c) { return w == lower(c); });
  }
  bool has_before(size_t at, std::string_view word) const {
    return at >= word.size() && has(at - word.size(), word);
  }
  bool has_exactly(size_t at, std::string_view word) const {
    return window_.text.substr(std::min(at, size()), word.size()) == word;
  }

  size_t skip(size_t at, std::string_view set, size_t most = most_blanks) const {
    const size_t stop = at + most;
    while (at < stop && at < size() && is_one_of(window_.text[at], set)) ++at;
    return at;
  }

  template <class Predicate>
  size_t skip_while(size_t at, Predicate holds) const {
    while (at < size() && holds(window_.text[at])) ++at;
    return at;
  }

  std::string_view line_before(size_t at) const {
    const std::string_view all = window_.text.substr(0, at);
    return all.substr(all.rfind('\n') + 1);  // npos + 1 is 0
  }
  bool sees_line_start(size_t at) const {
    return window_.text.substr(0, at).find('\n') != std::string_view::npos;
  }
  std::string_view from(size_t at) const { return window_.text.substr(std::min(at, size())); }
  // The end of the line that `at` is in.
  size_t line_end(size_t at) const {
    return skip_while(at, [](char c) { return c != '\n' && c != '\r'; });
  }

 private:
  const Window& window_;
};

}  // namespace jetpack::support
