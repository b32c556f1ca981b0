// Names and stored texts, as the whole hub limits them, and the time in milliseconds.
#include "common/text.hpp"

#include <algorithm>
#include <chrono>

#include "support/times.hpp"
#include "support/utf8.hpp"

namespace jetpack::hub {

namespace {

bool is_letter_or_digit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

}  // namespace

std::string stored_text(std::string_view text, size_t max_bytes) {
  std::string stored;
  for (const char c : support::beginning_of(text, max_bytes)) {
    if (c == '\0') {
      stored += "\xEF\xBF\xBD";
    } else {
      stored += c;
    }
  }
  return stored;
}

bool is_name(std::string_view text) {
  return !text.empty() && text.size() <= 128 && is_letter_or_digit(text.front()) &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return is_letter_or_digit(c) || c == '.' || c == '_' || c == '-';
         });
}

int64_t now_ms() { return support::unix_ms(std::chrono::system_clock::now()); }

}  // namespace jetpack::hub
