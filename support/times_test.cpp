// Tests of times as text.
#include "support/times.hpp"

#include <doctest/doctest.h>

namespace jetpack::support {

TEST_CASE("ISO 8601 in UTC with milliseconds") {
  using std::chrono::milliseconds;
  CHECK(iso_8601(SystemTime{milliseconds{0}}) == "1970-01-01T00:00:00.000Z");
  CHECK(iso_8601(SystemTime{milliseconds{1728047020298}}) == "2024-10-04T13:03:40.298Z");
  CHECK(iso_8601(SystemTime{milliseconds{-1}}) == "1969-12-31T23:59:59.999Z");
}

TEST_CASE("an HTTP date, in each of its three forms") {
  const std::chrono::sys_seconds time{std::chrono::seconds{784111777}};
  CHECK(parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT") == time);
  CHECK(parse_http_date("Sunday, 06-Nov-94 08:49:37 GMT") == time);
  CHECK(parse_http_date("Sun Nov  6 08:49:37 1994") == time);
  CHECK(parse_http_date("Fri, 31 Dec 9999 23:59:59 GMT"));
  for (const auto* text : {"", "1994-11-06T08:49:37Z", "Sun, 06 Nov 1994 08:49:37 CET",
                           "Sun, 06 Nov 1994 08:49:37 GMT, later", "Sun, 36 Nov 1994 08:49:37 GMT"})
    CHECK_FALSE(parse_http_date(text));
  CHECK_FALSE(parse_http_date(std::string(1000, 'S')));
}

}  // namespace jetpack::support
