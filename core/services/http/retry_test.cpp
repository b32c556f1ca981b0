// What is tried again, how often, and how long the pauses are.
#include "services/http/retry.hpp"

#include <doctest/doctest.h>

using jetpack::http::Halt;
using jetpack::http::Retryable;
using jetpack::http::Tries;
using jetpack::http::with_retries;
using std::chrono::milliseconds;
using std::chrono::seconds;

TEST_CASE("pauses double to a cap, are random within half, and end") {
  const Retryable failure("busy");
  for (int round = 0; round < 50; ++round) {
    Tries tries(9);
    for (const int64_t ceiling : {200, 400, 800, 1600, 3200, 6400, 10000, 10000}) {
      const auto pause = tries.after(failure);
      REQUIRE(pause);
      CHECK(pause->count() >= ceiling / 2);
      CHECK(pause->count() <= ceiling);
    }
    CHECK_FALSE(tries.after(failure));
  }
}

TEST_CASE("progress starts the count again") {
  Tries tries(2);
  for (int i = 0; i < 10; ++i) {
    CHECK(tries.after(Retryable("reset")));
    tries.progressed();
  }
}

TEST_CASE("Retry-After is honoured up to a bound") {
  Tries tries(5);
  CHECK(tries.after(Retryable("busy", seconds{7})) == milliseconds{7000});
  CHECK(*tries.after(Retryable("busy", seconds{0})) >= milliseconds{200});
  CHECK_FALSE(tries.after(Retryable("busy", seconds{121})));
  CHECK(std::string(tries.gives_up(Retryable("busy", seconds{500})).what()).find("500 s") !=
        std::string::npos);
}

TEST_CASE("a halt ends the pause and the tries") {
  Halt halt;
  int calls = 0;
  CHECK_THROWS_AS(with_retries(100, halt,
                               [&]() -> int {
                                 ++calls;
                                 halt.set();
                                 throw Retryable("reset", seconds{100});
                               }),
                  jetpack::Error);
  CHECK(calls == 1);
}

TEST_CASE("the last failure is reported, with the number of attempts") {
  Halt halt;
  CHECK(with_retries(3, halt, [] { return 5; }) == 5);
  try {
    with_retries(1, halt, []() -> int { throw Retryable("the locker is busy"); });
    FAIL("no failure");
  } catch (const jetpack::Error& e) {
    CHECK(e.code() == jetpack::Errc::unavailable);
    CHECK(std::string(e.what()) == "the locker is busy");
  }
}
