// Tests of SHA-256 and its HMAC against published vectors.
#include "support/sha256.hpp"

#include <doctest/doctest.h>

#include "support/encoding.hpp"

namespace jetpack::support {

TEST_CASE("digests match the examples of FIPS 180-4") {
  CHECK(sha256_hex("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(sha256_hex("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(sha256_hex("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq") ==
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  CHECK(sha256_hex(std::string(1'000'000, 'a')) ==
        "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST_CASE("a text in pieces has the same digest") {
  const std::string text(1000, 'x');
  for (size_t piece : {1u, 55u, 56u, 63u, 64u, 65u, 999u}) {
    Sha256 hash;
    for (size_t at = 0; at < text.size(); at += piece) hash.update(text.substr(at, piece));
    CHECK(hash.finish() == sha256(text));
  }
}

TEST_CASE("the processor's instructions give what the portable code gives") {
  std::string text;
  for (int i = 0; i < 20'000; ++i) text += static_cast<char>(i * 7 + i / 256);
  const auto* data = reinterpret_cast<const unsigned char*>(text.data());
  for (const size_t blocks : {1u, 63u, 64u, 65u, 312u}) {
    Sha256State one{1, 2, 3, 4, 5, 6, 7, 8}, other = one;
    add_sha256_blocks(one, data, blocks);
    add_sha256_blocks_portably(other, data, blocks);
    CHECK(one == other);
  }
}

TEST_CASE("HMACs match RFC 4231") {
  CHECK(hex(hmac_sha256(std::string(20, '\x0b'), "Hi There")) ==
        "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
  CHECK(hex(hmac_sha256("Jefe", "what do ya want for nothing?")) ==
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  CHECK(hex(hmac_sha256(std::string(131, '\xaa'),
                        "Test Using Larger Than Block-Size Key - Hash Key First")) ==
        "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

}  // namespace jetpack::support
