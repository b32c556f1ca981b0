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

TEST_CASE("base64 round trip") {
  CHECK(base64("").empty());
  CHECK(base64("f") == "Zg==");
  CHECK(base64("fo") == "Zm8=");
  CHECK(base64("foo") == "Zm9v");
  CHECK(base64("\xff\xfe\xfd\xfc") == "//79/A==");
  for (size_t size = 0; size < 300; ++size) {
    const std::string bytes(size, '\xfb');
    CHECK(base64_decoded(base64(bytes)) == bytes);
  }
  CHECK(base64_decoded("Zg") == "f");
  for (const auto* text : {"Z", "Zg=", "Z===", "====", "Zm9v\n", "Zm 9v", "Zg==Zg=="})
    CHECK_FALSE(base64_decoded(text));
}

TEST_CASE("hexadecimal") {
  CHECK(hex("\x01\xab") == "01ab");
  CHECK(hex_digit_value('F') == 15);
  CHECK(hex_digit_value('g') == -1);
}

}  // namespace jetpack::support
