// What a Retry-After header asks for.
#pragma once

#include <chrono>
#include <optional>
#include <string_view>

namespace jetpack::http {

// The header's value is a number of seconds or an HTTP date (RFC 9110, 5.6.7, all three forms). A
// date counts from `date`, the answer's own Date header, because the clocks of the two sides may
// differ; from `now` when that is missing or no date. nullopt when the value is neither. Never
// negative, and at most a billion seconds.
std::optional<std::chrono::seconds> retry_after(std::string_view value, std::string_view date,
                                                std::chrono::system_clock::time_point now);

}  // namespace jetpack::http
