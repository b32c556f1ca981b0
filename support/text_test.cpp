// Tests of how text is trimmed, lower-cased and escaped.
#include "support/text.hpp"

#include <doctest/doctest.h>

namespace jetpack::support {

TEST_CASE("blanks and line ends are removed from both ends only") {
  CHECK(trimmed(" \ta b\r\n") == "a b");
  CHECK(trimmed("a") == "a");
  CHECK(trimmed(" \n").empty());
  CHECK(trimmed("").empty());
}

TEST_CASE("only ASCII letters are lower-cased") {
  CHECK(lower_case("AbZ-1\xc3\x84") == "abz-1\xc3\x84");
}

TEST_CASE("one line has no control characters and is UTF-8") {
  CHECK(one_line("a\nb\tc\rd") == "a\\nb\\tc\\rd");
  CHECK(one_line("\x1B[31mred\x7f") == "\\x1b[31mred\\x7f");
  CHECK(one_line(std::string_view("\0x", 2)) == "\\x00x");
  CHECK(one_line("\xC2\x9B"
                 "2J") == "\\x9b2J");
  CHECK(one_line("\xC3\xBC\xFF\xC2") == "\xC3\xBC\xEF\xBF\xBD\xEF\xBF\xBD");
}

TEST_CASE("characters that change the direction or the line are escaped") {
  CHECK(one_line("a\u202Eb\u2066c\u061Cd\u200Fe") == "a\\u202eb\\u2066c\\u061cd\\u200fe");
  CHECK(one_line("\u2028\u2029\u202A\u2069") == "\\u2028\\u2029\\u202a\\u2069");
  CHECK(one_line("\u200D\u2010\u2027\u202F\u2065\u206A\u061B\u00A0\u20AC") ==
        "\u200D\u2010\u2027\u202F\u2065\u206A\u061B\u00A0\u20AC");
}

TEST_CASE("printable text keeps its lines") {
  CHECK(printable("a\n\tb\x1B[2J\u009B\u202E") == "a\n\tb\\x1b[2J\\x9b\\u202e");
}

}  // namespace jetpack::support
