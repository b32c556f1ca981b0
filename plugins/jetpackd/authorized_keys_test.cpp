// Tests of how public keys are installed.
#include "jetpackd/authorized_keys.hpp"

#include <doctest/doctest.h>

using jetpack::jetpackd::with_keys;

TEST_CASE("managed keys are replaced and the user's own lines are kept") {
  const std::string own = "ssh-rsa AAAAown me@home";
  const std::string one = with_keys(own, {"ssh-ed25519 AAAA1 a"});
  CHECK(one.starts_with(own + "\n"));
  CHECK(one.find("ssh-ed25519 AAAA1 a\n") != std::string::npos);
  const std::string two = with_keys(one, {"ssh-ed25519 AAAA2 b", "ssh-ed25519 AAAA3 c"});
  CHECK(two.find("AAAA1") == std::string::npos);
  CHECK(two.find("AAAA3 c\n") != std::string::npos);
  CHECK(with_keys(two, {"ssh-ed25519 AAAA2 b", "ssh-ed25519 AAAA3 c"}) == two);
  CHECK(with_keys(two, {}) == own + "\n");
  CHECK(with_keys("", {}).empty());
}
