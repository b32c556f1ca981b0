// Points in time as text, and back.
#include "support/times.hpp"

#include <cstdio>
#include <ctime>

namespace jetpack::support {

namespace {

// The longest date of HTTP has 34 characters.
constexpr size_t longest_http_date = 64;

struct Parts {
  std::tm fields{};
  int milliseconds = 0;
};

Parts split(SystemTime time, bool utc) {
  using std::chrono::milliseconds;
  const auto since = std::chrono::floor<milliseconds>(time.time_since_epoch()).count();
  const auto ms = ((since % 1000) + 1000) % 1000;
  const auto seconds = static_cast<std::time_t>((since - ms) / 1000);
  Parts parts;
  parts.milliseconds = static_cast<int>(ms);
  if (utc) {
    ::gmtime_r(&seconds, &parts.fields);
  } else {
    ::localtime_r(&seconds, &parts.fields);
  }
  return parts;
}

std::string format(const Parts& parts, const char* pattern) {
  const std::tm& t = parts.fields;
  char text[80];
  const int size = std::snprintf(text, sizeof text, pattern, t.tm_year + 1900, t.tm_mon + 1,
                                 t.tm_mday, t.tm_hour, t.tm_min, t.tm_sec, parts.milliseconds);
  return {text, static_cast<size_t>(size)};
}

}  // namespace

std::string iso_8601(SystemTime time) {
  return format(split(time, true), "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ");
}

std::string log_time(SystemTime time) {
  return format(split(time, false), "%04d-%02d-%02d %02d:%02d:%02d,%03d");
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

}  // namespace jetpack::support
