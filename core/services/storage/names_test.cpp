// Which blob names are valid.
#include "services/storage/names.hpp"

#include <doctest/doctest.h>

#include <jetpack/error.hpp>

using namespace jetpack::storage;

TEST_CASE("what could lead out of the locker is no name") {
  using namespace std::string_view_literals;
  for (const auto name :
       {""sv, "/a"sv, ".."sv, "../a"sv, "a/../b"sv, "a/.."sv, "."sv, "a/./b"sv, "a\0b"sv, "\xff"sv})
    CHECK_THROWS_AS(check_blob_name(name), jetpack::Error);
  CHECK_THROWS_AS(check_blob_name(std::string(1025, 'a')), jetpack::Error);
  for (const auto name : {"a"sv, "a/b"sv, "..a"sv, "a.."sv, "a/...b/c"sv, "a b"sv, "\xc3\xa4"sv})
    CHECK_NOTHROW(check_blob_name(name));
  CHECK_NOTHROW(check_prefix(""));
  CHECK_THROWS_AS(check_prefix("../"), jetpack::Error);
}

TEST_CASE("a refusal stays on one line") {
  try {
    check_blob_name("/a\nb");
    FAIL("taken");
  } catch (const jetpack::Error& e) {
    CHECK(std::string(e.what()).find('\n') == std::string::npos);
  }
}
