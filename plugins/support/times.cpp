// Points in time as text, for people and for messages.
#include "support/times.hpp"

#include <array>
#include <cstdio>
#include <ctime>

namespace support {

namespace {

std::string format_time(SystemTime time, bool utc, const char* pattern) {
  const auto since = std::chrono::floor<std::chrono::milliseconds>(time.time_since_epoch()).count();
  const auto fraction = static_cast<int>(((since % 1000) + 1000) % 1000);
  const auto seconds = static_cast<std::time_t>((since - fraction) / 1000);
  std::tm fields{};
  if (utc) {
    ::gmtime_r(&seconds, &fields);
  } else {
    ::localtime_r(&seconds, &fields);
  }
  std::array<char, 80> text{};
  const int size =
      std::snprintf(text.data(), text.size(), pattern, fields.tm_year + 1900, fields.tm_mon + 1,
                    fields.tm_mday, fields.tm_hour, fields.tm_min, fields.tm_sec, fraction);
  return {text.data(), static_cast<size_t>(size)};
}

}  // namespace

std::string iso_8601(SystemTime time) {
  return format_time(time, true, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ");
}

std::optional<SystemTime> from_iso_8601(std::string_view text) {
  std::tm fields{};
  const std::string copy(text);
  const char* end = ::strptime(copy.c_str(), "%Y-%m-%dT%H:%M:%S", &fields);
  if (end == nullptr || !copy.ends_with('Z')) return std::nullopt;
  return std::chrono::system_clock::from_time_t(::timegm(&fields));
}

std::string log_time(SystemTime time) {
  return format_time(time, false, "%04d-%02d-%02d %02d:%02d:%02d,%03d");
}

std::string rough(std::chrono::seconds span) {
  const auto seconds = std::max<int64_t>(span.count(), 0);
  if (seconds < 120) return std::to_string(seconds) + " s";
  if (seconds < 7200) return std::to_string(seconds / 60) + " min";
  if (seconds < 172800) return std::to_string(seconds / 3600) + " h";
  return std::to_string(seconds / 86400) + " d";
}

}  // namespace support
