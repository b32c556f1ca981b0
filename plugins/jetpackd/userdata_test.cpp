// Tests of what the server tells a node.
#include "jetpackd/userdata.hpp"

#include <doctest/doctest.h>

#include <jetpack/error.hpp>
#include "support/json.hpp"

using jetpack::jetpackd::parse_userdata;

namespace {

namespace support = jetpack::support;
// Compared as values: the order of members does not matter.
bool merges_to(const char* base, const char* theirs, const char* ours, const char* expected) {
  const auto parse = [](const std::string& text) { return support::parse_json(text, "test"); };
  return parse(jetpack::jetpackd::merge_properties(parse(base), parse(theirs), parse(ours))) ==
         parse(expected);
}

}  // namespace

TEST_CASE("properties that were changed here survive what the server says") {
  CHECK(merges_to("{}", R"({"a":1})", "{}", R"({"a":1})"));
  CHECK(merges_to(R"({"a":1})", R"({"a":2})", R"({"a":1})", R"({"a":2})"));
  CHECK(merges_to(R"({"a":1})", R"({"a":1})", R"({"a":5})", R"({"a":5})"));
  CHECK(merges_to(R"({"a":1})", R"({"a":2})", R"({"a":5})", R"({"a":5})"));
  CHECK(merges_to(R"({"a":1})", "{}", R"({"a":1,"b":2})", R"({"b":2})"));
  CHECK(merges_to("{}", R"({"os":{"id":"x"}})", R"({"os":{"v":1}})", R"({"os":{"id":"x","v":1}})"));
  CHECK(merges_to(R"({"os":{"id":"x"}})", R"({"os":{"id":"y"}})", R"({"os":{"id":"x","v":1}})",
                  R"({"os":{"id":"y","v":1}})"));
  CHECK(merges_to("{}", R"({"n":null})", "{}", R"({"n":null})"));
}

TEST_CASE("what is not userdata is refused before anything changes") {
  for (const char* text :
       {"", "[]", "{}", R"({"version":"1"})", R"({"version":1,"configuration":{}})",
        R"({"version":"1","configuration":[]})", R"({"version":"1","configuration":{},"users":{}})",
        R"({"version":"1","configuration":{},"properties":[]})"})
    CHECK_THROWS_AS(parse_userdata(text), jetpack::Error);
  CHECK_FALSE(parse_userdata(R"({"version":"1","configuration":{}})").users.has_value());
}

TEST_CASE("users that cannot be made are left out with a reason") {
  const auto userdata = parse_userdata(R"({"version":"1","configuration":{},"users":[
    {"name":"ada","uid":20001,"isAdmin":true,"publicKeys":["ssh-ed25519 AAAAx a\n","rm -rf"]},
    {"name":"../x","uid":20002},{"name":"root2","uid":0},{"name":"-rf","uid":20003},
    {"name":"a:b","uid":20004},{"name":"x","uid":"20005"},{"name":"ada","uid":20006},7]})");
  REQUIRE(userdata.users.has_value());
  REQUIRE(userdata.users->size() == 1);
  CHECK(userdata.users->front().public_keys == std::vector<std::string>{"ssh-ed25519 AAAAx a"});
  CHECK(userdata.warnings.size() == 7);
}

TEST_CASE("auth.json has the name on a line of its own") {
  const std::string text =
      jetpack::jetpackd::to_auth_json({{"ada", "Ada", 20001, true, true, {"ssh-rsa AAAA"}}});
  CHECK(text.find("\n        \"name\": \"ada\",\n") != std::string::npos);
  CHECK(text.find("\"ssh-rsa AAAA\\n\"") != std::string::npos);
}
