// Points in time as text, and back.
#include "support/times.hpp"

#include <array>
#include <cstdio>
#include <ctime>

namespace jetpack::support {

namespace {

using std::chrono::milliseconds;

// The longest date of HTTP has 34 characters.
constexpr size_t longest_http_date = 64;

std::string format(SystemTime time, bool is_utc, const char* pattern) {
  const int64_t since = unix_ms(time);
  const auto fraction = static_cast<int>(((since % 1000) + 1000) % 1000);
  const auto seconds = static_cast<std::time_t>((since - fraction) / 1000);
  std::tm t{};
  if (is_utc) {
    ::gmtime_r(&seconds, &t);
  } else {
    ::localtime_r(&seconds, &t);
  }
  std::array<char, 80> text{};
  const int size = std::snprintf(text.data(), text.size(), pattern, t.tm_year + 1900, t.tm_mon + 1,
                                 t.tm_mday, t.tm_hour, t.tm_min, t.tm_sec, fraction);
  return {text.data(), static_cast<size_t>(size)};
}

// Parses a number of exactly `digits` digits, after the character `before` if it is not 0.
std::optional<int> take_number(std::string_view& text, size_t digits, char before) {
  const size_t start = before != 0 ? 1 : 0;
  if (text.size() < start + digits || (before != 0 && text[0] != before)) return std::nullopt;
  int number = 0;
  for (const char c : text.substr(start, digits)) {
    if (c < '0' || c > '9') return std::nullopt;
    number = number * 10 + (c - '0');
  }
  text.remove_prefix(start + digits);
  return number;
}

// Parses an optional ".298", as milliseconds.
int take_fraction(std::string_view& text) {
  if (!text.starts_with('.')) return 0;
  text.remove_prefix(1);
  int result = 0, unit = 100;
  for (; !text.empty() && text.front() >= '0' && text.front() <= '9'; text.remove_prefix(1)) {
    result += (text.front() - '0') * unit;
    unit /= 10;
  }
  return result;
}

// The time of day: from "T13:03:40.298", "T13:03" or nothing.
std::optional<milliseconds> take_time_of_day(std::string_view& text) {
  if (text.empty() || (text.front() != 'T' && text.front() != ' ')) return milliseconds{0};
  const auto hour = take_number(text, 2, text.front()), minute = take_number(text, 2, ':');
  if (!hour || !minute || *hour > 23 || *minute > 59) return std::nullopt;
  int second = 0, fraction = 0;
  if (text.starts_with(':')) {
    const auto given = take_number(text, 2, ':');
    if (!given || *given > 60) return std::nullopt;
    second = *given;
    fraction = take_fraction(text);
  }
  return milliseconds{((*hour * 60 + *minute) * 60 + second) * 1000 + fraction};
}

// The offset east of UTC, from "Z", "+02:00" or nothing.
std::optional<std::chrono::minutes> parse_zone(std::string_view text) {
  if (text.empty() || text == "Z") return std::chrono::minutes{0};
  const char sign = text.front();
  if (sign != '+' && sign != '-') return std::nullopt;
  const auto hours = take_number(text, 2, sign), minutes = take_number(text, 2, ':');
  if (!hours || !minutes || !text.empty() || *hours > 23 || *minutes > 59) return std::nullopt;
  return std::chrono::minutes{(sign == '-' ? -1 : 1) * (*hours * 60 + *minutes)};
}

}  // namespace

int64_t unix_ms(SystemTime time) { return time.time_since_epoch().count(); }

SystemTime from_unix_ms(int64_t ms) { return SystemTime(milliseconds{ms}); }

std::string iso_8601(SystemTime time) {
  return format(time, true, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ");
}

std::string iso_8601_seconds(SystemTime time) {
  return format(time, true, "%04d-%02d-%02dT%02d:%02d:%02dZ");
}

std::optional<SystemTime> parse_iso_8601(std::string_view text) {
  const auto year = take_number(text, 4, 0), month = take_number(text, 2, '-'),
             day = take_number(text, 2, '-');
  if (!year || !month || !day || *year < 1970) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(*year),
                                         std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day))};
  if (!date.ok()) return std::nullopt;
  const auto time_of_day = take_time_of_day(text);
  const auto zone = parse_zone(text);
  if (!time_of_day || !zone) return std::nullopt;
  return std::chrono::sys_days(date) + *time_of_day - *zone;
}

std::string http_date(SystemTime time) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(time);
  std::tm fields{};
  ::gmtime_r(&seconds, &fields);
  std::array<char, longest_http_date> text{};
  return {text.data(),
          std::strftime(text.data(), text.size(), "%a, %d %b %Y %H:%M:%S GMT", &fields)};
}

std::optional<std::chrono::sys_seconds> parse_http_date(std::string_view text) {
  if (text.empty() || text.size() > longest_http_date) return std::nullopt;
  const std::string copy(text);
  // The names of days and months are English: jetpack never leaves the C locale.
  for (const char* form :
       {"%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT", "%a %b %e %H:%M:%S %Y"}) {
    std::tm fields{};
    const char* end = ::strptime(copy.c_str(), form, &fields);
    if (end != nullptr && *end == '\0')
      return std::chrono::sys_seconds{std::chrono::seconds{::timegm(&fields)}};
  }
  return std::nullopt;
}

std::string log_time(SystemTime time) {
  return format(time, false, "%04d-%02d-%02d %02d:%02d:%02d,%03d");
}

std::string short_duration(std::chrono::seconds span) {
  const auto seconds = std::max<int64_t>(span.count(), 0);
  if (seconds < 120) return std::to_string(seconds) + 's';
  if (seconds < 7200) return std::to_string(seconds / 60) + 'm';
  if (seconds < 172800) return std::to_string(seconds / 3600) + 'h';
  return std::to_string(seconds / 86400) + 'd';
}

}  // namespace jetpack::support
