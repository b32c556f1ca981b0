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

TEST_CASE("keys may be indented, and a deeper line continues the value before it") {
  const Ini ini = Ini::parse(
      "\xEF\xBB\xBF[cycle_server]\n  webserver = https://head.example:9443\n  api_username = u\n"
      "    v\n\n    # comment\n    w\n\n  api_password = p\n y = z\n"
      "[identity]\ncluster_name = c\n"
      "  d\nempty =\n",
      "jetpack.ini");
  CHECK(ini.get("cycle_server", "webserver") == "https://head.example:9443");
  CHECK(ini.get("cycle_server", "api_username") == "u\nv\n\nw");
  CHECK(ini.get("cycle_server", "api_password") == "p");
  CHECK(ini.get("cycle_server", "x") == std::nullopt);
  CHECK(ini.get("identity", "cluster_name") == "c\nd");
  CHECK(ini.get("identity", "empty") == "");
}

TEST_CASE("[DEFAULT] applies to every section, and later values win") {
  const Ini ini =
      Ini::parse("[DEFAULT]\na = 1\nb = 2\n[x] ; comment\nb = 3\n[y]\n[x]\nB: 4\r\rc=5\n", "x.ini");
  CHECK(ini.get("x", "a") == "1");
  CHECK(ini.get("x", "b") == "4");
  CHECK(ini.get("y", "b") == "2");
  CHECK(ini.get("x", "c") == "5");
}

TEST_CASE("an invalid line is an error with its line number") {
  CHECK_THROWS_WITH_AS(Ini::parse("[a]\nnonsense\n", "x.ini"),
                       doctest::Contains("x.ini, line 2: found 'nonsense'"), Error);
  CHECK_THROWS_WITH_AS(Ini::parse("[a\n", "x.ini"), doctest::Contains("expected a section"), Error);
}

}  // namespace jetpack::support
