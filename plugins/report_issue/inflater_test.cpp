// Tests that gzip is unpacked in pieces of any size, and that damage is detected.
#include "inflater.hpp"

#include <initializer_list>

#include <doctest/doctest.h>

#include <string>

namespace jetpack::report_issue {

namespace {

// printf hello | gzip -n
const std::string hello(
    "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\xcb\x48\xcd\xc9\xc9\x07\x00\x86\xa6\x10"
    "\x36\x05\x00\x00\x00",
    25);

struct Unpacked {
  std::string text;
  bool is_valid = true;
  bool is_complete = false;
};

Unpacked unpack(const std::string& packed, size_t piece) {
  Unpacked result;
  Inflater inflater;
  for (size_t at = 0; at < packed.size() && result.is_valid; at += piece)
    result.is_valid =
        inflater.feed(std::string_view(packed).substr(at, piece), [&](std::string_view text) {
          result.text += text;
          return true;
        });
  result.is_complete = inflater.is_complete();
  return result;
}

}  // namespace

TEST_CASE("several streams, in pieces of any size") {
  for (const size_t piece : std::initializer_list<size_t>{1, 2, 5, 24, 25, 26, 1000}) {
    const auto result = unpack(hello + hello + std::string(7, '\0'), piece);
    CHECK(result.text == "hellohello");
    CHECK(result.is_valid);
    CHECK(result.is_complete);
  }
}

TEST_CASE("truncated, damaged and non-gzip content is detected") {
  CHECK_FALSE(unpack(hello.substr(0, 15), 4).is_complete);
  std::string damaged = hello;
  damaged[20] = 'x';  // the CRC
  CHECK_FALSE(unpack(damaged, 100).is_valid);
  CHECK_FALSE(unpack(hello + "garbage", 100).is_valid);
  CHECK_FALSE(unpack("garbage", 100).is_valid);
}

TEST_CASE("the receiver can stop it") {
  Inflater inflater;
  CHECK_FALSE(inflater.feed(hello, [](std::string_view) { return false; }));
}

TEST_CASE("gzip is recognized by its first bytes") {
  CHECK(is_gzip(hello));
  CHECK_FALSE(is_gzip("\x1f\x8b"));
}

}  // namespace jetpack::report_issue
