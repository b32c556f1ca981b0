// Tests of times as text.
#include "support/timestamps.hpp"

#include <doctest/doctest.h>

namespace jetpack {

TEST_CASE("ISO 8601 in UTC with milliseconds") {
  using std::chrono::milliseconds;
  CHECK(iso_8601(SystemTime{milliseconds{0}}) == "1970-01-01T00:00:00.000Z");
  CHECK(iso_8601(SystemTime{milliseconds{1728047020298}}) == "2024-10-04T13:03:40.298Z");
  CHECK(iso_8601(SystemTime{milliseconds{-1}}) == "1969-12-31T23:59:59.999Z");
}

}  // namespace jetpack
