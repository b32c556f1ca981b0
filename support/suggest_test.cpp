// Tests of suggestions.
#include "support/suggest.hpp"

#include <doctest/doctest.h>

namespace jetpack::support {

TEST_CASE("the nearest candidate, if one is near") {
  const std::vector<std::string_view> commands{"config", "converge", "log", "users", "keepalive"};
  CHECK(nearest("confg", commands) == "config");
  CHECK(nearest("ocnfig", commands) == "config");
  CHECK(nearest("user", commands) == "users");
  CHECK(nearest("keep", commands) == "keepalive");
  CHECK(nearest("lgo", commands) == "log");
  CHECK(nearest("zzz", commands).empty());
  CHECK(nearest("", commands).empty());
  CHECK(nearest(std::string(100'000, 'c'), commands).empty());
}

}  // namespace jetpack::support
