// Points in time as text.
#pragma once

#include <chrono>
#include <string>

namespace jetpack {

using SystemTime = std::chrono::system_clock::time_point;

// "2024-10-04T13:03:40.298Z": UTC, ISO 8601, as messages carry it.
std::string iso_8601(SystemTime time);

// "2024-10-04 13:03:40,298": local time, as Python's logging writes it.
std::string log_time(SystemTime time);

}  // namespace jetpack
