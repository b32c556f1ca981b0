// Tests of how UTF-8 is checked and repaired.
#include "support/utf8.hpp"

#include <doctest/doctest.h>

namespace jetpack::support {

TEST_CASE("each ill-formed byte becomes one replacement, the rest stays") {
  CHECK(well_formed("plain \xC3\xBC \xF0\x9F\x9A\x80") == "plain \xC3\xBC \xF0\x9F\x9A\x80");
  CHECK(well_formed("a\xFF"
                    "b") ==
        "a\xEF\xBF\xBD"
        "b");
  CHECK(well_formed("\xC3") == "\xEF\xBF\xBD");
  CHECK(well_formed("\xED\xA0\x80") == "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD");  // a surrogate
  CHECK(well_formed("\xC0\xAF") == "\xEF\xBF\xBD\xEF\xBF\xBD");  // longer than need be
  CHECK(find_ill_formed("0123456789\xF5") == 10);
  CHECK(is_utf8(""));
}

TEST_CASE("what is too long is cut at a code point, with a mark") {
  CHECK(cut("abc", 3) == "abc");
  const std::string text = std::string(99, 'a') + "\xC3\xBC" + std::string(5899, 'b');
  const std::string shown = cut(text, 119);
  CHECK(shown == std::string(99, 'a') + "… 5,901 bytes cut");
  CHECK(shown.size() <= 119);
  CHECK(cut(std::string(1234567, 'x'), 30).ends_with("… 1,234,560 bytes cut"));
}

TEST_CASE("a prefix ends with a complete code point") {
  CHECK(beginning_of("a\xC3\xBC", 2) == "a");
  CHECK(beginning_of("a\xC3\xBC", 3) == "a\xC3\xBC");
  CHECK(beginning_of("ab", 0).empty());
}

}  // namespace jetpack::support
