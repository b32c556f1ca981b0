#include "support/shown_time.hpp"

#include <cstdlib>
#include <ctime>

#include <doctest/doctest.h>

namespace jetpack::support {

TEST_CASE("a time is shown with its zone, or as its age") {
  ::setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1);
  ::tzset();
  const SystemTime now = *parse_iso_8601("2024-10-04T13:03:40.298Z");
  const ShownTimes local("local", now), utc("utc", now), relative("relative", now);
  CHECK(local("2024-10-04T13:03:40.298Z") == "2024-10-04 15:03:40 CEST");
  CHECK(local("2024-12-04T13:03:40Z") == "2024-12-04 14:03:40 CET");
  CHECK(utc("2024-10-04T15:03:40+02:00") == "2024-10-04 13:03:40 UTC");
  CHECK(relative("2024-10-04T13:03:40Z") == "now");
  CHECK(relative("2024-10-04T12:58:40.298Z") == "5m ago");
  CHECK(relative("2024-10-04T18:03:40.298Z") == "in 5h");
  for (const auto& shown : {local, utc, relative}) {
    CHECK(shown("") == "");
    CHECK(shown("forever") == "forever");
  }
  ::unsetenv("TZ");
  ::tzset();
}

}  // namespace jetpack::support
