// Retry-After in seconds and as a date, by this clock and by the server's.
#include "services/http/retry_after.hpp"

#include <doctest/doctest.h>

using jetpack::http::retry_after;
using std::chrono::seconds;

namespace {

// Sun, 06 Nov 1994 08:49:37 GMT
const std::chrono::system_clock::time_point now{seconds{784111777}};

}  // namespace

TEST_CASE("a number of seconds") {
  CHECK(retry_after("0", "", now) == seconds{0});
  CHECK(retry_after("120", "", now) == seconds{120});
  CHECK(retry_after("999999999999", "", now) == seconds{1'000'000'000});
  for (const auto* text : {"", "-1", "1.5", "12x", " 12", "99999999999999999999", "soon"})
    CHECK_FALSE(retry_after(text, "", now).has_value());
}

TEST_CASE("a date, in each of the three forms") {
  CHECK(retry_after("Sun, 06 Nov 1994 08:50:37 GMT", "", now) == seconds{60});
  CHECK(retry_after("Sunday, 06-Nov-94 08:50:37 GMT", "", now) == seconds{60});
  CHECK(retry_after("Sun Nov  6 08:50:37 1994", "", now) == seconds{60});
  CHECK(retry_after("Sun, 06 Nov 1994 08:00:00 GMT", "", now) == seconds{0});
  CHECK_FALSE(retry_after("Sun, 06 Nov 1994 08:50:37 GMT, later", "", now).has_value());
  CHECK_FALSE(retry_after(std::string(1000, 'S'), "", now).has_value());
}

TEST_CASE("a date counts from the server's own clock where it tells") {
  CHECK(retry_after("Sun, 06 Nov 1994 10:00:30 GMT", "Sun, 06 Nov 1994 10:00:00 GMT", now) ==
        seconds{30});
  CHECK(retry_after("Sun, 06 Nov 1994 08:50:37 GMT", "no date", now) == seconds{60});
}
