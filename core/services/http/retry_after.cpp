// What a Retry-After header asks for.
#include "services/http/retry_after.hpp"

#include <algorithm>
#include <charconv>

#include "support/times.hpp"

namespace jetpack::http {

namespace {

using std::chrono::seconds;

constexpr seconds most{1'000'000'000};

}  // namespace

std::optional<seconds> retry_after(std::string_view value, std::string_view date,
                                   std::chrono::system_clock::time_point now) {
  int64_t number = 0;
  const char* end = value.data() + value.size();
  const auto [stop, error] = std::from_chars(value.data(), end, number);
  if (stop == end && error == std::errc{} && number >= 0) return std::min(seconds{number}, most);
  const auto until = support::parse_http_date(value);
  if (!until) return std::nullopt;
  const auto from = support::parse_http_date(date).value_or(std::chrono::floor<seconds>(now));
  return std::clamp(*until - from, seconds{0}, most);
}

}  // namespace jetpack::http
