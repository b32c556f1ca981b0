// How many bytes each sender may send in an hour.
#include "common/byte_rate.hpp"

#include <doctest/doctest.h>

#include <optional>

using jetpack::hub::ByteRate;
using jetpack::hub::OverRate;

namespace {

ByteRate::Clock::time_point now{std::chrono::hours{1}};
constexpr uint64_t hour = 3600;

// The seconds after which it is let through; 0 when it is.
int64_t wait_of(ByteRate& rate, const char* sender, uint64_t bytes) {
  try {
    rate.take(sender, bytes).keep();
    return 0;
  } catch (const OverRate& over) {
    return over.retry_seconds();
  }
}

}  // namespace

TEST_CASE("each sender has an hour's bytes, which become free with time") {
  ByteRate rate("q", hour, [] { return now; });
  CHECK(wait_of(rate, "a", hour) == 0);
  CHECK(wait_of(rate, "a", 10) == 10);
  CHECK(wait_of(rate, "b", hour) == 0);
  now += std::chrono::seconds{10};
  CHECK(wait_of(rate, "a", 10) == 0);
  CHECK(wait_of(rate, "a", 1) == 1);
}

TEST_CASE("what could not be stored counts no more") {
  ByteRate rate("q", hour, [] { return now; });
  {
    const auto lost = rate.take("a", hour);
    CHECK(wait_of(rate, "a", 1) == 1);
  }
  SUBCASE("given back once, though it was moved") {
    auto first = rate.take("a", hour - 1);
    std::optional moved(std::move(first));
    moved.reset();
    CHECK(wait_of(rate, "a", hour) == 0);
    CHECK(wait_of(rate, "a", 1) == 1);
  }
  SUBCASE("kept") {
    rate.take("a", hour - 1).keep();
    CHECK(wait_of(rate, "a", 2) == 1);
    CHECK(wait_of(rate, "a", 1) == 0);
  }
}
