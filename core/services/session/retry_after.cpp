// What a Retry-After header asks for.
#include "services/session/retry_after.hpp"

#include <algorithm>
#include <charconv>
#include <ctime>
#include <string>

namespace jetpack::session {

namespace {

using std::chrono::seconds;

constexpr int64_t most = 1'000'000'000;
// The longest date has 34 characters.
constexpr size_t longest = 64;

std::optional<std::time_t> parse_date(std::string_view text) {
  if (text.empty() || text.size() > longest) return std::nullopt;
  const std::string copy(text);
  // The names of days and months are English: jetpack never leaves the C locale.
  for (const char* form :
       {"%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT", "%a %b %e %H:%M:%S %Y"}) {
    std::tm fields{};
    const char* end = ::strptime(copy.c_str(), form, &fields);
    if (end != nullptr && *end == '\0') return ::timegm(&fields);
  }
  return std::nullopt;
}

}  // namespace

std::optional<seconds> retry_after(std::string_view value, std::string_view date,
                                   std::chrono::system_clock::time_point now) {
  int64_t number = 0;
  const char* end = value.data() + value.size();
  const auto [stop, error] = std::from_chars(value.data(), end, number);
  if (stop == end && error == std::errc{} && number >= 0) return seconds{std::min(number, most)};
  const auto until = parse_date(value);
  if (!until) return std::nullopt;
  const auto from = parse_date(date).value_or(std::chrono::system_clock::to_time_t(now));
  return seconds{std::clamp<int64_t>(int64_t{*until} - int64_t{from}, 0, most)};
}

}  // namespace jetpack::session
