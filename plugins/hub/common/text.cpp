// Text and time helpers.
#include "common/text.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <ctime>

namespace jetpack::hub {

namespace {

// The names of days and months are English: the hub never leaves the C locale.
constexpr const char* http_form = "%a, %d %b %Y %H:%M:%S GMT";
constexpr size_t longest_http_date = 64;

bool is_letter_or_digit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

void append_hex_escape(std::string& to, unsigned char byte) {
  constexpr std::string_view hex = "0123456789abcdef";
  to += "\\x";
  to += hex[byte >> 4U];
  to += hex[byte & 15U];
}

// Takes a number of exactly `count` digits and the character that must follow (0: none).
std::optional<int> take_number(std::string_view& text, size_t count, char then) {
  const size_t size = count + (then != 0 ? 1 : 0);
  if (text.size() < size) return std::nullopt;
  int number = 0;
  for (const char c : text.substr(0, count)) {
    if (c < '0' || c > '9') return std::nullopt;
    number = number * 10 + (c - '0');
  }
  if (then != 0 && text[count] != then) return std::nullopt;
  text.remove_prefix(size);
  return number;
}

// Takes ".298" when it is there, as milliseconds.
int take_fraction(std::string_view& text) {
  if (!text.starts_with('.')) return 0;
  text.remove_prefix(1);
  int milliseconds = 0, unit = 100;
  for (; !text.empty() && text.front() >= '0' && text.front() <= '9'; text.remove_prefix(1)) {
    milliseconds += (text.front() - '0') * unit;
    unit /= 10;
  }
  return milliseconds;
}

// Takes "Z" or "+02:00", as minutes east of Greenwich.
std::optional<int> take_zone(std::string_view text) {
  if (text == "Z") return 0;
  if (!text.starts_with('+') && !text.starts_with('-')) return std::nullopt;
  const int sign = text.front() == '-' ? -1 : 1;
  text.remove_prefix(1);
  const auto hours = take_number(text, 2, ':'), minutes = take_number(text, 2, 0);
  if (!hours || !minutes || !text.empty() || *hours > 23 || *minutes > 59) return std::nullopt;
  return sign * (*hours * 60 + *minutes);
}

}  // namespace

std::string_view beginning_of(std::string_view text, size_t max_bytes) {
  if (text.size() <= max_bytes) return text;
  size_t size = max_bytes;
  while (size > 0 && (static_cast<unsigned char>(text[size]) & 0xC0U) == 0x80U) --size;
  return text.substr(0, size);
}

std::string one_line(std::string_view text) {
  std::string line;
  line.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const auto byte = static_cast<unsigned char>(c);
    // The second control block, U+0080 to U+009F, is two bytes in UTF-8.
    const bool second_block =
        byte == 0xC2U && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xA0U;
    if (c == '\n') {
      line += "\\n";
    } else if (c == '\t') {
      line += "\\t";
    } else if (c == '\r') {
      line += "\\r";
    } else if (second_block) {
      append_hex_escape(line, static_cast<unsigned char>(text[++i]));
    } else if (byte < 0x20U || byte == 0x7FU) {
      append_hex_escape(line, byte);
    } else {
      line += c;
    }
  }
  return line;
}

std::string stored_text(std::string_view text, size_t max_bytes) {
  std::string stored;
  for (const char c : beginning_of(text, max_bytes)) {
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

int64_t now_ms() {
  using std::chrono::duration_cast;
  return duration_cast<std::chrono::milliseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

std::string iso_time(int64_t unix_ms) {
  if (unix_ms == 0) return {};
  const std::time_t seconds = unix_ms / 1000;
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  std::array<char, 40> date{};
  const size_t size = std::strftime(date.data(), date.size(), "%Y-%m-%dT%H:%M:%S", &parts);
  std::array<char, 16> fraction{};
  std::snprintf(fraction.data(), fraction.size(), ".%03dZ", static_cast<int>(unix_ms % 1000));
  return std::string(date.data(), size) + fraction.data();
}

std::optional<int64_t> parse_iso_time(std::string_view text) {
  const auto year = take_number(text, 4, '-'), month = take_number(text, 2, '-'),
             day = take_number(text, 2, 'T'), hour = take_number(text, 2, ':'),
             minute = take_number(text, 2, ':'), second = take_number(text, 2, 0);
  if (!year || !month || !day || !hour || !minute || !second) return std::nullopt;
  const int milliseconds = take_fraction(text);
  const auto zone = take_zone(text);
  const std::chrono::year_month_day date{std::chrono::year(*year),
                                         std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day))};
  if (!zone || !date.ok() || *year < 1970 || *hour > 23 || *minute > 59 || *second > 60)
    return std::nullopt;
  const int64_t days = std::chrono::sys_days(date).time_since_epoch().count();
  const int64_t minutes = (days * 24 + *hour) * 60 + *minute - *zone;
  return (minutes * 60 + *second) * 1000 + milliseconds;
}

std::string http_date(int64_t unix_seconds) {
  const std::time_t seconds = unix_seconds;
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  std::array<char, 64> text{};
  return {text.data(), std::strftime(text.data(), text.size(), http_form, &parts)};
}

std::optional<int64_t> parse_http_date(std::string_view text) {
  const std::string date(text.substr(0, longest_http_date));
  std::tm parts{};
  const char* end = ::strptime(date.c_str(), http_form, &parts);
  if (end == nullptr || *end != '\0') return std::nullopt;
  return ::timegm(&parts);
}

}  // namespace jetpack::hub
