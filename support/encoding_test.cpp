// Percent-encoding there and back.
#include "support/encoding.hpp"

#include <doctest/doctest.h>

namespace jetpack::support {

TEST_CASE("percent-encoding") {
  CHECK(percent_encoded_path("a b/\xc3\xa4+%?#~") == "a%20b/%C3%A4%2B%25%3F%23~");
  CHECK(percent_encoded("a/b=") == "a%2Fb%3D");
  CHECK(percent_encoded({"\0\xff", 2}) == "%00%FF");
}

TEST_CASE("percent-decoding") {
  CHECK(percent_decoded("a%20b%2f%C3%A4") == "a b/\xc3\xa4");
  CHECK(percent_decoded("") == "");
  CHECK(percent_decoded("%41") == "A");
  for (const auto* text : {"%", "100%", "%4", "%4x", "%zz%41", "%%41"})
    CHECK_FALSE(percent_decoded(text));
}

TEST_CASE("lenient percent-decoding") {
  CHECK(percent_decoded_leniently("a%20b%2f%C3%A4") == "a b/\xc3\xa4");
  CHECK(percent_decoded_leniently("100%") == "100%");
  CHECK(percent_decoded_leniently("%4") == "%4");
  CHECK(percent_decoded_leniently("%zz%41") == "%zzA");
}

}  // namespace jetpack::support
