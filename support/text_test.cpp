// Trimmed and in lower case.
#include "support/text.hpp"

#include <doctest/doctest.h>

namespace jetpack::support {

TEST_CASE("blanks and line ends go from both ends alone") {
  CHECK(trimmed(" \ta b\r\n") == "a b");
  CHECK(trimmed("a") == "a");
  CHECK(trimmed(" \n").empty());
  CHECK(trimmed("").empty());
}

TEST_CASE("only letters of ASCII have a lower case") {
  CHECK(lower_case("AbZ-1\xc3\x84") == "abz-1\xc3\x84");
}

}  // namespace jetpack::support
