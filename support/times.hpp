// Points in time as text, and back.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace jetpack::support {

// A point in time to the millisecond. The clock's own time_point counts nanoseconds, which end in
// the year 2262.
struct SystemTime : std::chrono::sys_time<std::chrono::milliseconds> {
  using Point = std::chrono::sys_time<std::chrono::milliseconds>;
  using Point::Point;
  constexpr SystemTime(Point time) : Point(time) {}  // NOLINT: implicit, as between time_points
  constexpr SystemTime(std::chrono::system_clock::time_point time)  // NOLINT: the same
      : Point(std::chrono::floor<std::chrono::milliseconds>(time)) {}
};

// Milliseconds since 1970, as messages and databases carry a time.
int64_t unix_ms(SystemTime time);
SystemTime from_unix_ms(int64_t ms);

// "2024-10-04T13:03:40.298Z": UTC, ISO 8601, as messages carry it.
std::string iso_8601(SystemTime time);
// "2024-10-04T13:03:40Z"
std::string iso_8601_seconds(SystemTime time);

// Reads what iso_8601 writes and the other forms in use: any fraction of a second, none, seconds
// left out, a date alone; "Z", "+02:00" or, for UTC, no zone. nullopt for anything else and for a
// date that does not exist or is not in the years 1970 to 9999.
std::optional<SystemTime> parse_iso_8601(std::string_view text);

// "Sun, 06 Nov 1994 08:49:37 GMT", as HTTP writes it (RFC 9110, 5.6.7).
std::string http_date(SystemTime time);

// Reads what http_date writes, or one of the two older forms there; nullopt for anything else.
std::optional<std::chrono::sys_seconds> parse_http_date(std::string_view text);

// "2024-10-04 13:03:40,298": local time, as Python's logging writes it.
std::string log_time(SystemTime time);

// "45s", "12m", "5h", "2d": whole units, for people.
std::string short_duration(std::chrono::seconds span);

}  // namespace jetpack::support
