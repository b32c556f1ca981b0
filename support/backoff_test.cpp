// Tests of the pauses between attempts.
#include "support/backoff.hpp"

#include <doctest/doctest.h>

using namespace std::chrono_literals;

TEST_CASE("pauses double up to the cap, with jitter of up to one half") {
  jetpack::support::Backoff backoff(500ms, 60s, 1);
  for (auto due = 500ms; due < 60s; due *= 2) {
    const auto pause = backoff.pause();
    CHECK(pause >= due / 2);
    CHECK(pause <= due);
  }
  for (int i = 0; i < 100; ++i) CHECK(backoff.pause() <= 60s);
  backoff.reset();
  CHECK(backoff.pause() <= 500ms);
}

TEST_CASE("the server's Retry-After is honored, up to a day") {
  jetpack::support::Backoff backoff(500ms, 60s, 1);
  CHECK(backoff.pause(90s) == 90s);
  CHECK(backoff.pause(std::chrono::hours(1000)) == std::chrono::hours(24));
}

TEST_CASE("different seeds give different pauses") {
  jetpack::support::Backoff one(60s, 60s, 1), two(60s, 60s, 2);
  CHECK(one.pause() != two.pause());
}
