// Points in time as text, and back.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace jetpack::support {

using SystemTime = std::chrono::system_clock::time_point;

// "2024-10-04T13:03:40.298Z": UTC, ISO 8601, as messages carry it.
std::string iso_8601(SystemTime time);

// "2024-10-04 13:03:40,298": local time, as Python's logging writes it.
std::string log_time(SystemTime time);

// "Sun, 06 Nov 1994 08:49:37 GMT", as HTTP writes it (RFC 9110, 5.6.7), or one of the two older
// forms there; nullopt for anything else.
std::optional<std::chrono::sys_seconds> parse_http_date(std::string_view text);

}  // namespace jetpack::support
