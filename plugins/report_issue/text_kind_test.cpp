// Tests of what counts as text, and of decoding it.
#include "text_kind.hpp"

#include <doctest/doctest.h>

#include <random>
#include <string>

namespace jetpack::report_issue {

namespace {

using namespace std::string_view_literals;

std::string widened(std::string_view text, size_t width, bool is_big) {
  std::string wide;
  for (const char c : text) {
    std::string unit(width, '\0');
    unit[is_big ? width - 1 : 0] = c;
    wide += unit;
  }
  return wide;
}

std::string decoded(std::string_view text, size_t step) {
  Decoder decoder(encoding_of(text));
  std::string plain;
  for (size_t at = 0; at < text.size(); at += step)
    decoder.feed(text.substr(at, step), [&](std::string_view part) { plain += part; });
  return plain;
}

}  // namespace

TEST_CASE("UTF-16 and UTF-32 are recognized, with and without a mark, and decoded") {
  const std::string_view text = "password=x and more text\n";
  for (const size_t width : {2U, 4U})
    for (const bool is_big : {false, true})
      for (const size_t step : {1U, 3U, 1000U}) {
        const std::string wide = widened(text, width, is_big);
        CHECK(why_opaque(wide) == "");
        CHECK(decoded(wide, step) == text);
      }
  CHECK(decoded("\xFF\xFE"
                "a\0\xFC\0\x3D\xD8\x42\xDE"sv,
                3) ==
        "\xEF\xBB\xBF"
        "a\xC3\xBC\xF0\x9F\x99\x82");
  CHECK(decoded("\xFE\xFF\xD8\x3D\0a"sv, 100) ==
        "\xEF\xBB\xBF\xEF\xBF\xBD"
        "a");
}

TEST_CASE("text is distinguished from everything else") {
  for (const auto text : {""sv, "x"sv,
                          "gr\xC3\xB6\xC3\x9F"
                          "e \x1b[31m\r\n"sv,
                          "Stra\xDF"
                          "e nach K\xF6ln\n"sv})
    CHECK(why_opaque(text) == "");
  std::string random(60'000, '\0');
  std::mt19937 source(1);
  for (auto& byte : random) byte = static_cast<char>(source() % 255 + 1);
  CHECK(why_opaque(random).starts_with("not text"));
  CHECK(why_opaque("text, and then \0 a zero"sv).starts_with("not text"));
  for (const auto head :
       {"\x1F\x9D\x90"sv, "Rar!\x1A\x07\x01"sv,
        "\x7F"
        "ELF\x02"sv,
        "SQLite format 3\0"sv, "\x1F\x8B\x08\0"sv, "\xFD\x37zXZ\0"sv, "PK\x03\x04"sv, "LPKSHHRH"sv})
    CHECK(why_opaque(head).ends_with("secrets in it cannot be masked"));
}

TEST_CASE("odd bytes are counted wherever they are") {
  constexpr size_t size = 300;  // of which 1 % is 3
  for (size_t at = 0; at + 4 <= size; ++at) {
    std::string text(size, 'x');
    text.replace(at, 3, "\x01\x7F\x01");
    CHECK(why_opaque(text) == "");
    text[at + 3] = '\x02';
    CHECK(why_opaque(text).starts_with("not text"));
    text.replace(at, 4, "\xC3\xB6\t\n");
    CHECK(why_opaque(text) == "");
  }
}

}  // namespace jetpack::report_issue
