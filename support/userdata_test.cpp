// Tests of how userdata is parsed and merged.
#include "support/userdata.hpp"

#include <doctest/doctest.h>

#include <jetpack/error.hpp>
#include "support/json.hpp"

using jetpack::support::parse_userdata;

namespace {

namespace support = jetpack::support;
// Compared as values: the order of members does not matter.
bool merges_to(const char* base, const char* theirs, const char* ours, const char* expected) {
  const auto parse = [](const std::string& text) { return support::parse_json(text, "test"); };
  return parse(jetpack::support::merge_properties(parse(base), parse(theirs), parse(ours))) ==
         parse(expected);
}

}  // namespace

TEST_CASE("properties changed on this node survive a fetch") {
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

TEST_CASE("invalid userdata is rejected") {
  for (const char* text :
       {"", "[]", "{}", R"({"version":"1"})", R"({"version":1,"configuration":{}})",
        R"({"version":"1","configuration":[]})", R"({"version":"1","configuration":{},"users":{}})",
        R"({"version":"1","configuration":{},"properties":[]})"})
    CHECK_THROWS_AS(parse_userdata(text), jetpack::Error);
  CHECK_FALSE(parse_userdata(R"({"version":"1","configuration":{}})").users.has_value());
}

TEST_CASE("invalid users are skipped with a warning") {
  const auto userdata = parse_userdata(R"({"version":"1","configuration":{},"users":[
    {"name":"ada","uid":20001,"isAdmin":true,"publicKeys":["ssh-ed25519 AAAAx a\n","rm -rf"]},
    {"name":"../x","uid":20002},{"name":"root2","uid":0},{"name":"-rf","uid":20003},
    {"name":"a:b","uid":20004},{"name":"x","uid":"20005x"},{"name":"ada","uid":20006},7]})");
  REQUIRE(userdata.users.has_value());
  REQUIRE(userdata.users->size() == 1);
  CHECK(userdata.users->front().public_keys == std::vector<std::string>{"ssh-ed25519 AAAAx a"});
  CHECK(userdata.warnings.size() == 7);
}

TEST_CASE("who is left out is named, and a key need not be in a list") {
  const auto userdata = parse_userdata(R"({"version":"1","configuration":{},"users":[
    {"name":"ALL","uid":20001,"isAdmin":true},{"name":"1234","uid":20002},{"name":"low","uid":999},
    {"name":"ada","uid":20003,"publicKeys":"# home\n ssh-rsa\tAAAAx a\nssh-rsa AAAAy b\n"},
    {"name":"bob","uid":20004,"publicKeys":[7,"-----BEGIN RSA PRIVATE KEY-----\nMIIE\n"]},
    {"name":"eve","uid":20005,"publicKeys":{}}]})");
  REQUIRE(userdata.users->size() == 3);
  CHECK(userdata.users->at(0).public_keys ==
        std::vector<std::string>{"ssh-rsa\tAAAAx a", "ssh-rsa AAAAy b"});
  CHECK(userdata.left_out == std::vector<std::string>{"user 'ALL'", "user '1234'", "user 'low'",
                                                      "a public key of user 'bob'",
                                                      "a private key of user 'bob'",
                                                      "the public keys of user 'eve'"});
  CHECK(userdata.warnings.size() == userdata.left_out.size());
}

TEST_CASE("null is as if it were left out, as CycleCloud prints it for what is unset") {
  const auto userdata = parse_userdata(
      R"({"version":"2","configuration":{"a":null},"properties":null,"users":null})");
  CHECK(userdata.configuration == "{\n    \"a\": null\n}\n");
  CHECK(userdata.properties.ObjectEmpty());
  CHECK_FALSE(userdata.users.has_value());
  const auto users = parse_userdata(R"({"version":"2","configuration":{},"users":[
    {"name":"ada","uid":20001,"fullName":null,"isAdmin":null,"isOwner":null,"publicKeys":null}]})");
  CHECK(users.users->size() == 1);
  CHECK(users.warnings.empty());
}

TEST_CASE("a uid may be written as text or as a float") {
  const auto userdata = parse_userdata(R"({"version":"1","configuration":{},"users":[
    {"name":"a","uid":"20006"},{"name":"b","uid":20001.0},{"name":"c","uid":" 20007 "},
    {"name":"d","uid":20002.5},{"name":"e","uid":"2e4"},{"name":"f","uid":-20001.0},
    {"name":"g","uid":NaN},{"name":"h","uid":99999999999999999999},{"name":"i","uid":""}]})");
  REQUIRE(userdata.users->size() == 3);
  CHECK(userdata.users->at(0).uid == 20006);
  CHECK(userdata.users->at(1).uid == 20001);
  CHECK(userdata.users->at(2).uid == 20007);
  CHECK(userdata.warnings.size() == 6);
}

TEST_CASE("a configuration is written as it came, whatever its numbers are") {
  const auto userdata = parse_userdata(
      R"({"version":"1","configuration":{"a":1,"guid":18446744073709551616,"a":NaN},)"
      R"("properties":{"big":1e400}})");
  CHECK(userdata.configuration == "{\n    \"a\": NaN,\n    \"guid\": 18446744073709551616\n}\n");
  CHECK(merges_to("{}", R"({"big":1e400,"n":NaN})", R"({"big":2})", R"({"big":2,"n":NaN})"));
  CHECK(merges_to(R"({"big":1e400})", R"({"big":3})", R"({"big":1e400})", R"({"big":3})"));
}

TEST_CASE("auth.json has each name on its own line") {
  const std::string text =
      jetpack::support::to_auth_json({{"ada", "Ada", 20001, true, true, {"ssh-rsa AAAA"}}});
  CHECK(text.find("\n        \"name\": \"ada\",\n") != std::string::npos);
  CHECK(text.find("\"ssh-rsa AAAA\\n\"") != std::string::npos);
}
