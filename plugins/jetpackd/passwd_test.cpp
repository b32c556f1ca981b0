// Tests of how passwd and group files are read.
#include "jetpackd/passwd.hpp"

#include <doctest/doctest.h>

TEST_CASE("accounts are read and invalid lines are skipped") {
  const auto accounts = jetpack::jetpackd::parse_passwd(
      "root:x:0:0:root:/root:/bin/bash\n\n# comment\n+::::::\nx:y\n"
      "ada:x:20001:20002:Ada:/home/ada:/sbin/nologin\nbad:x:-1:0::/:/bin/sh\n");
  REQUIRE(accounts.size() == 2);
  const auto* ada = jetpack::jetpackd::find_account(accounts, "ada");
  REQUIRE(ada != nullptr);
  CHECK(ada->gid == 20002);
  CHECK(ada->home == "/home/ada");
  CHECK(ada->shell == "/sbin/nologin");
  CHECK(jetpack::jetpackd::find_uid(accounts, 20001) == ada);
  CHECK(jetpack::jetpackd::find_account(accounts, "bad") == nullptr);
}

TEST_CASE("the part of a comment that only root can set is the last of five") {
  using jetpack::jetpackd::root_comment;
  CHECK(root_comment({"ada", 1, 1, "Ada,1,2,3,mark", "", ""}) == "mark");
  CHECK(root_comment({"ada", 1, 1, "Ada,1,2,mark", "", ""}).empty());
  CHECK(root_comment({"ada", 1, 1, "mark", "", ""}).empty());
  CHECK(root_comment({"ada", 1, 1, "", "", ""}).empty());
}

TEST_CASE("the day on which an account expires") {
  const char* shadow = "root:*:19000:0:99999:7:::\nada:!:19000:0:99999:7::1:\nodd:x\n";
  using jetpack::jetpackd::expiry_in;
  CHECK(expiry_in(shadow, "ada") == "1");
  CHECK(expiry_in(shadow, "root") == "");
  CHECK(expiry_in(shadow, "odd") == "");
  CHECK_FALSE(expiry_in(shadow, "adam"));
}

TEST_CASE("a group is found only by its full name or number") {
  CHECK(jetpack::jetpackd::has_group("root:x:0:\nada:x:20001:\n", 20001));
  CHECK_FALSE(jetpack::jetpackd::has_group("root:x:0:\nada:x:20001:\nx\n", 2000));
  CHECK(jetpack::jetpackd::has_group("root:x:0:\nada:x:20001:\n", "ada"));
  CHECK_FALSE(jetpack::jetpackd::has_group("adam:x:20001:\nroot:x:0:ada\n", "ada"));
}
