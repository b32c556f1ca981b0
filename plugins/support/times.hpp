// Points in time as text, for people and for messages.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace support {

using SystemTime = std::chrono::system_clock::time_point;

// "2024-10-04T13:03:40.298Z"
std::string iso_8601(SystemTime time);
// The point that iso_8601 wrote, to the second; nullopt for anything else.
std::optional<SystemTime> from_iso_8601(std::string_view text);
// "2024-10-04 13:03:40,298": local time, as Python's logging writes it.
std::string log_time(SystemTime time);
// "3 s", "12 min", "5 h", "2 d": whole units, for people.
std::string rough(std::chrono::seconds span);

}  // namespace support
