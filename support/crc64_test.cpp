// CRC-64/NVME against its published check value and its definition, bit by bit.
#include "support/crc64.hpp"

#include <cstddef>

#include <doctest/doctest.h>

namespace jetpack::support {

namespace {

// As it is defined: one bit after another.
uint64_t by_definition(std::string_view data) {
  uint64_t state = ~uint64_t{0};
  for (const char c : data) {
    state ^= static_cast<unsigned char>(c);
    for (int bit = 0; bit < 8; ++bit)
      state = (state >> 1) ^ ((state & 1) != 0 ? 0x9a6c9329ac4bc9b5u : 0);
  }
  return ~state;
}

std::string some_text(size_t size) {
  std::string text;
  uint32_t seed = 12345;
  for (size_t i = 0; i < size; ++i) {
    seed = seed * 1664525 + 1013904223;
    text += static_cast<char>(seed >> 24);
  }
  return text;
}

}  // namespace

TEST_CASE("a CRC64 has the published check value") {
  CHECK(crc64("123456789") == 0xae8b14860a799888u);
  CHECK(crc64("") == 0);
  CHECK(crc64_header(0x0807060504030201u) == "AQIDBAUGBwg=");
}

TEST_CASE("a CRC64 is as defined for every length and alignment") {
  constexpr size_t longest = 1024 + 200;  // beyond where the instructions are used from
  const std::string text = some_text(longest + 16);
  size_t wrong = 0;
  for (size_t at = 0; at < 16; ++at)
    for (size_t size = 0; size <= longest; ++size) {
      const std::string_view data = std::string_view(text).substr(at, size);
      Crc64 portable;
      portable.update_portably(data);
      const uint64_t expected = by_definition(data);
      if (crc64(data) != expected || portable.value() != expected) ++wrong;
    }
  CHECK(wrong == 0);
}

TEST_CASE("a CRC64 in pieces is that of the whole") {
  const std::string text = some_text(10'000);
  const uint64_t expected = by_definition(text);
  for (const size_t piece : {1u, 15u, 64u, 1023u, 1024u, 1025u, 4096u}) {
    Crc64 checksum;
    for (size_t at = 0; at < text.size(); at += piece) checksum.update(text.substr(at, piece));
    CHECK(checksum.value() == expected);
  }
}

TEST_CASE("the CRC64s of two pieces are joined") {
  const std::string text = some_text(5'000);
  for (const size_t first : {0u, 1u, 16u, 2'500u, 4'999u, 5'000u}) {
    const std::string_view rest = std::string_view(text).substr(first);
    CHECK(crc64_joined(crc64(text.substr(0, first)), crc64(rest), rest.size()) == crc64(text));
  }
  // 5 GiB of zero bytes behind it, made by doubling 5 bytes 30 times.
  std::string_view zeros("\0\0\0\0\0", 5);
  uint64_t many = crc64(zeros);
  uint64_t size = zeros.size();
  for (int i = 0; i < 30; ++i, size *= 2) many = crc64_joined(many, many, size);
  CHECK(crc64_joined(crc64_joined(crc64("x"), many, size), crc64("y"), 1) ==
        crc64_joined(crc64("x"), crc64_joined(many, crc64("y"), 1), size + 1));
}

}  // namespace jetpack::support
