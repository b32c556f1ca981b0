// Tests of INI files, against what Python's configparser reads.
#include "support/ini.hpp"

#include <doctest/doctest.h>

#include <jetpack/error.hpp>

namespace jetpack::support {

TEST_CASE("sections, keys in any case, comments and continuations") {
  const Ini ini = Ini::parse(
      "# comment\n[cycle_server]\nWebServer = https://host:9443/x\r\napi_password=a=b;c\n"
      "[identity]\n; comment\ncluster_name: demo\nlist = a\n  b\n",
      "jetpack.ini");
  CHECK(ini.get("cycle_server", "webserver") == "https://host:9443/x");
  CHECK(ini.get("cycle_server", "api_password") == "a=b;c");
  CHECK(ini.get("identity", "cluster_name") == "demo");
  CHECK(ini.get("identity", "list") == "a\nb");
  CHECK(ini.get("identity", "webserver") == std::nullopt);
}

TEST_CASE("a line that is neither is an error with its number") {
  CHECK_THROWS_WITH_AS(Ini::parse("[a]\nnonsense\n", "x.ini"),
                       doctest::Contains("x.ini, line 2: found 'nonsense'"), Error);
  CHECK_THROWS_WITH_AS(Ini::parse("[a\n", "x.ini"), doctest::Contains("expected a section"), Error);
}

}  // namespace jetpack::support
