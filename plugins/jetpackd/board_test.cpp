// Tests of the daemon's state as JSON and metrics.
#include "jetpackd/board.hpp"

#include <doctest/doctest.h>

#include "support/json.hpp"

TEST_CASE("the state is valid JSON with any text, and unknown values are omitted") {
  jetpack::jetpackd::State state;
  state.failure = {"the server said \"no\"\n", "2026-01-01T00:00:00.000Z", true};
  const auto json = jetpack::support::parse_json(jetpack::jetpackd::to_json(state), "state");
  CHECK(jetpack::support::text_or(json["failure"], "text", "") == state.failure.text);
  CHECK_FALSE(json.HasMember("last_contact"));
  CHECK_FALSE(json.HasMember("http"));
}

TEST_CASE("metric labels are escaped") {
  jetpack::jetpackd::State state;
  state.userdata_version = "a\"b\\c\nd";
  const std::string text = jetpack::jetpackd::to_metrics(state);
  CHECK(text.find(R"(userdata_version="a\"b\\c\\nd")") != std::string::npos);
  CHECK(text.find("jetpackd_outbox_messages 0\n") != std::string::npos);
}
