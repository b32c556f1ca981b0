// Tests of the table of settings and of how values are checked.
#include "support/settings.hpp"

#include <algorithm>

#include <doctest/doctest.h>

namespace jetpack::support {

TEST_CASE("each setting has a help text and accepts its own default") {
  for (const auto& known : settings()) {
    CAPTURE(known.key);
    CHECK_FALSE(known.help.empty());
    CHECK(&setting(known.key) == &known);
    if (known.type != Setting::Type::text) CHECK(known.accepts(known.fallback));
  }
}

TEST_CASE("an invalid value causes a warning, and the default is used") {
  std::vector<std::string> warnings;
  const auto warn = [&](const std::string& text) { warnings.push_back(text); };
  const auto number = [&](std::optional<std::string> text) {
    return number_setting("cyclecloud.jetpack.send_max_mib", text, warn);
  };
  CHECK(number(std::nullopt) == 16);
  CHECK(number("None") == 16);
  CHECK(number("64") == 64);
  CHECK(number(" 8\n") == 8);
  CHECK(warnings.empty());
  for (const char* bad : {"0", "65", "x", "1.5", "", "99999999999999999999"})
    CHECK(number(bad) == 16);
  REQUIRE(warnings.size() == 6);
  CHECK(warnings[1] ==
        "cyclecloud.jetpack.send_max_mib is '65'; expected a whole number from 1 to 64, using 16");
}

TEST_CASE("flags and choices") {
  std::string warning;
  const auto warn = [&](const std::string& text) { warning = text; };
  for (const char* yes : {"true", "True", "yes", "on", "1"})
    CHECK(flag_setting("[broker] allow_plain", yes, warn));
  for (const char* no : {"false", "No", "off", "0"})
    CHECK_FALSE(flag_setting("[broker] allow_plain", no, warn));
  CHECK(choice_setting("cyclecloud.jetpack.transport", "amqp", warn) == "amqp");
  CHECK(warning.empty());
  CHECK_FALSE(flag_setting("[broker] allow_plain", "ture", warn));
  CHECK(warning == "[broker] allow_plain is 'ture'; expected true or false, using false");
  CHECK(choice_setting("cyclecloud.jetpack.transport", "https amqp", warn) == "https");
  CHECK(warning ==
        "cyclecloud.jetpack.transport is 'https amqp'; expected https or amqp, using https");
}

TEST_CASE("unknown keys in our sections and misspelled keys are reported") {
  const Ini ini = Ini::parse(
      "[cycle_server]\nwebsever = https://x\nfor_the_server = 1\n"
      "[broker]\nuri = amqps://x\nallow_plain = maybe\n[theirs]\nx = 1\n",
      "jetpack.ini");
  const auto problems = setting_problems(
      ini, R"({"http_prot":1,"http_port":70000,"send_max_mib":"8","transport":null})");
  REQUIRE(problems.size() == 5);
  const auto has = [&](const char* text) {
    return std::find(problems.begin(), problems.end(), text) != problems.end();
  };
  CHECK(has("unknown setting [cycle_server] websever; did you mean [cycle_server] webserver?"));
  CHECK(has("unknown setting [broker] uri; did you mean [broker] url?"));
  CHECK(has("[broker] allow_plain is 'maybe'; expected true or false, using false"));
  CHECK(has(
      "unknown setting cyclecloud.jetpack.http_prot; did you mean cyclecloud.jetpack.http_port?"));
  CHECK(
      has("cyclecloud.jetpack.http_port is '70000'; expected a whole number from 0 to 65535, "
          "using 9080"));
}

}  // namespace jetpack::support
