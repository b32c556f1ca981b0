// Tests of names and stored texts.
#include "common/text.hpp"

#include <doctest/doctest.h>

using namespace jetpack::hub;

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
