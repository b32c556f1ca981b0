// Tests of what plugins offer, as the host lists it.
#include "support/plugin_offers.hpp"

#include <doctest/doctest.h>

#include <jetpack/error.hpp>

namespace jetpack::support {

TEST_CASE("the list that the host prints is read") {
  const auto all = parse_plugin_offers(
      R"([{"id":"a.b","checks":[{"name":"gpu","summary":"S","interval":60000,"deadline":5000}],)"
      R"("timers":[{"name":"t","interval":1000}],"hooks":[{"event":"on-ready"}],"settings":)"
      R"([{"key":"a.n","type":"integer","default":"8","min":0,"max":64,"help":"H"}]},{"id":"c"}])");
  REQUIRE(all.offers.size() == 3);
  CHECK(all.offers[0].kind == "check");
  CHECK(all.offers[0].interval == std::chrono::minutes(1));
  CHECK(all.offers[0].deadline == std::chrono::seconds(5));
  const auto argv = all.offers[0].argv();
  CHECK(std::vector<std::string>(argv.begin() + 1, argv.end()) ==
        std::vector<std::string>{"plugin", "offer", "a.b", "check", "gpu"});
  CHECK(all.offers[2].name == "on-ready");
  REQUIRE(all.settings.size() == 1);
  CHECK(all.settings[0].expected() == "a whole number from 0 to 64");
  CHECK_THROWS_AS(parse_plugin_offers("{}"), Error);
  CHECK_THROWS_AS(parse_plugin_offers("[{"), Error);
}

TEST_CASE("values of settings are judged by type and bounds") {
  OfferedSetting setting;
  setting.type = "integer";
  setting.min = 1;
  setting.max = 5;
  CHECK(setting.accepts("5"));
  CHECK_FALSE(setting.accepts("6"));
  CHECK_FALSE(setting.accepts("many"));
  setting.type = "duration";
  CHECK(setting.accepts("10m"));
  CHECK_FALSE(setting.accepts("soon"));
  setting.type = "flag";
  CHECK(setting.accepts("Yes"));
  CHECK_FALSE(setting.accepts("perhaps"));
  setting.type = "text";
  CHECK(setting.accepts(""));
}

}  // namespace jetpack::support
