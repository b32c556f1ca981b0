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
  const SystemTime time = from_unix_ms(784111777000);
  CHECK(parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT") == time);
  CHECK(parse_http_date("Sunday, 06-Nov-94 08:49:37 GMT") == time);
  CHECK(parse_http_date("Sun Nov  6 08:49:37 1994") == time);
  CHECK(parse_http_date("Fri, 31 Dec 9999 23:59:59 GMT"));
  for (const auto* text : {"", "1994-11-06T08:49:37Z", "Sun, 06 Nov 1994 08:49:37 CET",
                           "Sun, 06 Nov 1994 08:49:37 GMT, later", "Sun, 36 Nov 1994 08:49:37 GMT"})
    CHECK_FALSE(parse_http_date(text));
  CHECK_FALSE(parse_http_date(std::string(1000, 'S')));
}

TEST_CASE("the forms of ISO 8601 that are in use") {
  const SystemTime time = from_unix_ms(1728047020000);
  CHECK(parse_iso_8601("2024-10-04T13:03:40Z") == time);
  CHECK(parse_iso_8601("2024-10-04T13:03:40") == time);
  CHECK(parse_iso_8601("2024-10-04T15:03:40+02:00") == time);
  CHECK(parse_iso_8601("2024-10-04T13:03:40.2981234Z") == time + std::chrono::milliseconds{298});
  CHECK(parse_iso_8601("2024-10-04T13:03Z") == time - std::chrono::seconds{40});
  CHECK(parse_iso_8601("2024-10-04") == from_unix_ms(1728000000000));
  CHECK(parse_iso_8601(iso_8601(time)) == time);
  const auto far = parse_iso_8601("9999-12-31T23:59:59.999Z");
  REQUIRE(far);
  CHECK(iso_8601(*far) == "9999-12-31T23:59:59.999Z");
  for (const auto* text : {"", "2024", "2024-13-04T13:03:40Z", "2024-02-30", "1969-12-31",
                           "2024-10-04T24:03:40Z", "2024-10-04T13:03:40+2:00", "yesterday",
                           "2024-10-04T13:03:40Zx", "2024-10-04T", "+024-10-04"})
    CHECK_FALSE(parse_iso_8601(text));
}

TEST_CASE("HTTP dates are written as they are read") {
  CHECK(http_date(from_unix_ms(784111777000)) == "Sun, 06 Nov 1994 08:49:37 GMT");
}

TEST_CASE("durations for people have one unit") {
  using namespace std::chrono_literals;
  CHECK(short_duration(-1s) == "0s");
  CHECK(short_duration(119s) == "119s");
  CHECK(short_duration(120s) == "2m");
  CHECK(short_duration(3h) == "3h");
  CHECK(short_duration(100h) == "4d");
}

}  // namespace jetpack::support
