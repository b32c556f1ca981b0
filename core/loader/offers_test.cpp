// Tests of what a note declares besides commands.
#include "loader/offers.hpp"

#include <doctest/doctest.h>

#include "loader/refusal.hpp"

namespace jetpack {

namespace {

std::string refusal(const std::string& members) {
  try {
    read_offers('{' + members + '}');
  } catch (const Refusal& e) {
    return e.what();
  }
  return "";
}

}  // namespace

TEST_CASE("all kinds, with what is left out") {
  const Offers offers = read_offers(
      R"({"checks":[{"name":"gpu","summary":"S","interval":60000,"deadline":5000},{"name":"b"}],)"
      R"("timers":[{"name":"gpu"}],"hooks":[{"event":"on-ready","deadline":1}],)"
      R"("settings":[{"key":"a.b","type":"integer","default":"8","min":0,"max":64,"help":"H"},{"key":"c"}]})");
  REQUIRE(offers.checks.size() == 2);
  CHECK(offers.checks[0].interval_ms == 60000);
  CHECK(offers.checks[0].deadline_ms == 5000);
  CHECK(offers.checks[1].interval_ms == 600000);
  CHECK(offers.checks[1].deadline_ms == 0);
  CHECK(offers.has("check", "gpu"));
  CHECK(offers.has("timer", "gpu"));
  CHECK(offers.has("hook", "on-ready"));
  CHECK_FALSE(offers.has("timer", "b"));
  CHECK_FALSE(offers.has("hook", "on-shutdown"));
  CHECK_FALSE(offers.has("command", "gpu"));
  REQUIRE(offers.settings.size() == 2);
  CHECK(offers.settings[0].fallback == "8");
  CHECK(offers.settings[0].max == 64);
  CHECK(offers.settings[1].type == "text");
  CHECK_FALSE(offers.settings[1].fallback);
  CHECK(read_offers("{}").is_empty());
}

TEST_CASE("what is faulty is refused, and says why") {
  CHECK(refusal(R"("checks":1)").find("'checks' is not a list") != std::string::npos);
  CHECK(refusal(R"("checks":[1])").find("is not an object") != std::string::npos);
  CHECK(refusal(R"("checks":[{"name":"A"}])").find("'A' cannot be a name") != std::string::npos);
  CHECK(refusal(R"("checks":[{"name":"a"},{"name":"a"}])").find("are named 'a'") !=
        std::string::npos);
  CHECK(refusal(R"("timers":[{"name":"a","interval":999}])").find("'interval'") !=
        std::string::npos);
  CHECK(refusal(R"("timers":[{"name":"a","interval":"1m"}])").find("not an integer") !=
        std::string::npos);
  CHECK(refusal(R"("timers":[{"name":"a","deadline":-1}])").find("'deadline'") !=
        std::string::npos);
  CHECK(refusal(R"("hooks":[{"event":"on-boot"}])").find("unknown") != std::string::npos);
  CHECK(refusal(R"("settings":[{"key":".a"}])").find("dotted key") != std::string::npos);
  CHECK(refusal(R"("settings":[{"key":"a","type":"blob"}])").find("type 'blob'") !=
        std::string::npos);
  CHECK(refusal("\"checks\":[{\"name\":\"a\",\"summary\":\"\\u001b\"}]").find("control") !=
        std::string::npos);
}

}  // namespace jetpack
