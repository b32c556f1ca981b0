// Tests that what each level deflates inflates to the same, alone and joined.
#include "deflater.hpp"

#include <doctest/doctest.h>

#include <random>
#include <string>

#include "inflater.hpp"

namespace jetpack::report_issue {

namespace {

using namespace std::literals;

std::string deflated(Deflater& deflater, std::string_view plain) {
  std::string out(room_to_deflate(plain.size()), '\0');
  out.resize(deflater.run(plain, out));
  return out;
}

// As gzip, whose trailer nobody looks at here: what is complete came out before.
std::string inflated(std::string_view deflated) {
  constexpr auto gzip_header = "\x1F\x8B\x08\0\0\0\0\0\0\xFF"sv;
  constexpr auto final_block = "\x03\0"sv;
  std::string stream(gzip_header);
  stream += deflated;
  stream += final_block;
  std::string plain;
  Inflater inflater;
  inflater.feed(stream, [&](std::string_view text) {
    plain += text;
    return true;
  });
  return plain;
}

std::string log_lines(size_t lines) {
  std::string text;
  for (size_t i = 0; i < lines; ++i) text += "job " + std::to_string(i * 37) + " completed\n";
  return text;
}

std::string words(size_t count) {
  std::mt19937 source(1);
  std::string text;
  constexpr auto digits = "0123456789abcdef"sv;
  for (size_t i = 0; i < count; ++i) {
    for (int digit = 0; digit < 8; ++digit) text += digits[source() % digits.size()];
    text += ' ';
  }
  return text;
}

std::string noise(size_t bytes) {
  std::mt19937 source(2);
  std::string text(bytes, '\0');
  for (auto& byte : text) byte = static_cast<char>(source());
  return text;
}

}  // namespace

TEST_CASE("every level gives the same text again, and pieces can be joined") {
  for (int level = small_automatic_level; level <= smallest_level; ++level) {
    CAPTURE(level);
    Deflater deflater(level);
    std::string all;
    std::string joined;
    for (const auto& piece :
         {log_lines(20'000), "x"s, words(10'000), noise(100'000), log_lines(1)}) {
      const std::string part = deflated(deflater, piece);
      CHECK(inflated(part) == piece);
      all += piece;
      joined += part;
    }
    CHECK(inflated(joined) == all);
  }
}

TEST_CASE("what is incompressible fits") {
  for (int level = small_automatic_level; level <= smallest_level; ++level) {
    Deflater deflater(level);
    const std::string plain = noise(1 << 20);
    CHECK(inflated(deflated(deflater, plain)) == plain);
  }
}

TEST_CASE("higher levels take less of log lines") {
  const std::string lines = log_lines(30'000);
  const auto size = [&](int level) {
    Deflater deflater(level);
    return deflated(deflater, lines).size();
  };
  CHECK(size(4) < size(1));
  CHECK(size(9) < size(4));
}

TEST_CASE("without a level, hexadecimal words are deflated at level 1 and log lines at 2 or 5") {
  const auto check = [](unsigned workers, int level) {
    Deflater automatic(automatic_level(workers));
    Deflater first(1);
    Deflater of_text(level);
    const std::string hard = words(20'000);
    const std::string easy = log_lines(20'000);
    REQUIRE(deflated(first, hard) != deflated(of_text, hard));
    REQUIRE(deflated(first, easy) != deflated(of_text, easy));
    CHECK(deflated(automatic, hard) == deflated(first, hard));
    CHECK(deflated(automatic, easy) == deflated(of_text, easy));
  };
  check(1, 2);
  check(15, 2);
  check(16, 5);
}

}  // namespace jetpack::report_issue
