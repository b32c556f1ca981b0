// MD5 gives what RFC 1321 and OpenSSL give, in pieces of any size and in any number of lanes.
#include "services/storage/md5.hpp"
#include "support/encoding.hpp"

#include <random>

#include <doctest/doctest.h>
#include <openssl/evp.h>

using jetpack::storage::Md5;
using jetpack::storage::md5_of;
using jetpack::storage::md5_of_each;
using jetpack::storage::Md5Digest;
using jetpack::support::hex;

namespace {

Md5Digest by_openssl(std::string_view data) {
  Md5Digest digest{};
  unsigned size = 0;
  CHECK(EVP_Digest(data.data(), data.size(), digest.data(), &size, EVP_md5(), nullptr) == 1);
  return digest;
}

std::string random_text(size_t size, unsigned seed) {
  std::mt19937 generator(seed);
  std::string text(size, '\0');
  for (char& c : text) c = static_cast<char>(generator());
  return text;
}

}  // namespace

TEST_CASE("the test suite of RFC 1321, A.5") {
  CHECK(hex(md5_of("")) == "d41d8cd98f00b204e9800998ecf8427e");
  CHECK(hex(md5_of("a")) == "0cc175b9c0f1b6a831c399e269772661");
  CHECK(hex(md5_of("abc")) == "900150983cd24fb0d6963f7d28e17f72");
  CHECK(hex(md5_of("message digest")) == "f96b697d7cb7938d525a2f31aaf161d0");
  CHECK(hex(md5_of("abcdefghijklmnopqrstuvwxyz")) == "c3fcd3d76192e4007dfb496cca67e13b");
  CHECK(hex(md5_of("12345678901234567890123456789012345678901234567890123456789012345678901234"
                   "567890")) == "57edf4a22be3c955ac49da2e2107b67a");
}

TEST_CASE("every length to three blocks, in two pieces split anywhere") {
  const std::string text = random_text(200, 1);
  for (size_t size = 0; size <= text.size(); ++size) {
    const std::string_view whole(text.data(), size);
    const Md5Digest expected = by_openssl(whole);
    for (size_t at = 0; at <= size; at += 7) {
      Md5 md5;
      md5.update(whole.substr(0, at));
      md5.update(whole.substr(at));
      CHECK(md5.finish() == expected);
    }
  }
}

TEST_CASE("lanes give what a single stream gives, whatever their number and length") {
  for (const size_t size : {0u, 1u, 55u, 56u, 63u, 64u, 65u, 1000u, 4096u}) {
    std::vector<std::string> texts;
    for (unsigned i = 0; i < 35; ++i) texts.push_back(random_text(size + (i == 33 ? 3 : 0), i));
    for (size_t count = 0; count <= texts.size(); ++count) {
      const std::vector<std::string_view> blocks(texts.begin(),
                                                 texts.begin() + static_cast<ptrdiff_t>(count));
      const auto digests = md5_of_each(blocks);
      REQUIRE(digests.size() == count);
      for (size_t i = 0; i < count; ++i) CHECK(digests[i] == by_openssl(blocks[i]));
    }
  }
}

TEST_CASE("lanes of different lengths") {
  for (const unsigned step : {1u, 7u, 64u, 65u, 1000u}) {
    std::vector<std::string> texts;
    for (unsigned i = 0; i < 25; ++i) texts.push_back(random_text(i * step, i));
    const std::vector<std::string_view> rising(texts.begin(), texts.end());
    const std::vector<std::string_view> falling(texts.rbegin(), texts.rend());
    for (const auto& blocks : {rising, falling}) {
      const auto digests = md5_of_each(blocks);
      REQUIRE(digests.size() == blocks.size());
      for (size_t i = 0; i < blocks.size(); ++i) CHECK(digests[i] == by_openssl(blocks[i]));
    }
  }
}
