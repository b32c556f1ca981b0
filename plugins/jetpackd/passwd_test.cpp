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

TEST_CASE("a group is found only by its full name") {
  CHECK(jetpack::jetpackd::has_group("root:x:0:\nada:x:20001:\n", "ada"));
  CHECK_FALSE(jetpack::jetpackd::has_group("adam:x:20001:\nroot:x:0:ada\n", "ada"));
}
