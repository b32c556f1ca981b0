// Shares of a quota, and the table of limits.
#include "common/quota.hpp"

#include <doctest/doctest.h>

#include <optional>
#include <utility>

#include <jetpack/error.hpp>
#include "common/limits.hpp"

using jetpack::Error;
using jetpack::hub::Limits;
using jetpack::hub::OverLimit;
using jetpack::hub::Quota;

namespace {

// Whether the refusal is for the owner's own limit; nothing when the share is given, and given back.
std::optional<bool> refusal(Quota& quota, const char* owner, bool is_administrator,
                            uint64_t amount = 1) {
  try {
    quota.take(owner, is_administrator, amount);
    return std::nullopt;
  } catch (const OverLimit& over) {
    return over.is_own();
  }
}

}  // namespace

TEST_CASE("each owner has a limit, all have one, and some is kept for administrators") {
  Quota quota("things", {10, 4, 3});
  auto a = quota.take("a", false, 4);
  CHECK(refusal(quota, "a", false) == true);
  CHECK_FALSE(refusal(quota, "b", false));
  const auto b = quota.take("b", false, 3);
  CHECK(refusal(quota, "b", false) == false);  // 7 of 10: the rest is kept
  CHECK_FALSE(refusal(quota, "root", true, 3));
  CHECK(refusal(quota, "root", true, 4) == false);
  SUBCASE("a share that is moved is given back once") {
    {
      const auto moved = std::move(a);
      CHECK(moved.owner() == "a");
      CHECK(refusal(quota, "a", false) == true);
    }
    CHECK_FALSE(refusal(quota, "a", false, 4));
  }
  SUBCASE("a share that is replaced is given back") {
    a = quota.take("root", true);
    CHECK_FALSE(refusal(quota, "a", false, 3));
  }
}

TEST_CASE("a quota of which more is kept than there is has nothing for others") {
  Quota quota("things", {2, 2, 5});
  CHECK(refusal(quota, "a", false) == false);
  CHECK_FALSE(refusal(quota, "root", true, 2));
}

TEST_CASE("limits are set by name, within bounds") {
  Limits limits;
  set_limit(limits, "streams-per-node=5");
  CHECK(limits.streams_per_node == 5);
  for (const char* wrong : {"", "=", "streams", "streams=", "streams=-1", "streams=1 ", "Streams=1",
                            "streams=0", "streams=18446744073709551616"})
    CHECK_THROWS_AS(set_limit(limits, wrong), Error);
  for (const auto& limit : jetpack::hub::limit_table()) {
    CHECK(limits.*limit.value >= limit.least);
    CHECK(limits.*limit.value <= limit.most);
  }
}

TEST_CASE("administrators never get all threads") {
  Limits limits;
  set_limit(limits, "requests=4");
  CHECK(limits.requests_for_administrators == 3);
}

TEST_CASE("there are no more connections than files can be open") {
  Limits limits;
  limits.connections = 1'000'000;
  fit_open_files(limits);
  CHECK(limits.connections < 40'000);
}
