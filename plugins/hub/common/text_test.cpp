// Tests of text and time helpers, base64 and log lines.
#include "common/text.hpp"

#include <doctest/doctest.h>

#include "common/application_log.hpp"
#include "common/base64.hpp"
#include "common/json.hpp"

using namespace jetpack::hub;

TEST_CASE("a beginning ends with a whole code point") {
  CHECK(beginning_of("abc", 5) == "abc");
  CHECK(beginning_of("a\xC3\xA9z", 2) == "a");
  CHECK(beginning_of("a\xC3\xA9z", 3) == "a\xC3\xA9");
  CHECK(beginning_of("\xE2\x82\xAC", 2).empty());
}

TEST_CASE("one line has no control characters") {
  CHECK(one_line("a\nb\tc\rd") == "a\\nb\\tc\\rd");
  CHECK(one_line("\x1B[31mred") == "\\x1b[31mred");
  CHECK(one_line(std::string_view("\0x", 2)) == "\\x00x");
  CHECK(one_line("\xC2\x9B"
                 "2J") == "\\x9b2J");
  CHECK(one_line("gr\xC3\xBC\xC3\x9F"
                 "e") ==
        "gr\xC3\xBC\xC3\x9F"
        "e");
}

TEST_CASE("times of HTTP") {
  CHECK(http_date(784111777) == "Sun, 06 Nov 1994 08:49:37 GMT");
  CHECK(parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT") == 784111777);
  CHECK_FALSE(parse_http_date(""));
  CHECK_FALSE(parse_http_date("yesterday"));
}

TEST_CASE("base64 there and back") {
  const std::string bytes(300, '\xfb');
  CHECK(to_base64(bytes).find('\n') == std::string::npos);
  CHECK(from_base64(to_base64(bytes)) == bytes);
  CHECK(to_base64("").empty());
}

TEST_CASE("stored text is bounded and has no NUL") {
  CHECK(stored_text(std::string_view("a\0b", 3), 10) ==
        "a\xEF\xBF\xBD"
        "b");
  CHECK(stored_text("abcdef", 3) == "abc");
}

TEST_CASE("names need no escaping anywhere") {
  for (const char* good : {"demo", "execute-1", "a.b_c", "9"}) CHECK(is_name(good));
  for (const char* bad : {"", "-x", ".x", "a b", "a/b", "a:b", "a\nb", "\xC3\xA9"})
    CHECK_FALSE(is_name(bad));
  CHECK_FALSE(is_name(std::string(129, 'x')));
}

TEST_CASE("nesting is counted outside of strings") {
  CHECK(json_depth("1") == 0);
  CHECK(json_depth(R"({"a":[{}]})") == 3);
  CHECK(json_depth(R"({"[[[[":"]]\"[["})") == 1);
  CHECK(json_depth(std::string(100'000, '[')) == 100'000);
}

TEST_CASE("times") {
  CHECK(iso_time(0).empty());
  CHECK(iso_time(1'728'047'020'298) == "2024-10-04T13:03:40.298Z");
}

TEST_CASE("a log line has the agent's format") {
  const std::string line = format_log_line(1'728'047'020'007, "warn", "[demo/n1] two\nlines");
  // The local time's date and hour depend on the machine.
  REQUIRE(line.size() > 24);
  CHECK(line.substr(13, 10) == ":03:40,007");
  CHECK(line.substr(23) == " WARNING  [demo/n1] two\\nlines\n");
  CHECK(format_log_line(1, "info", "x").substr(23) == " INFO     x\n");
  CHECK(format_log_line(1, "error", "x").substr(23) == " ERROR    x\n");
}
