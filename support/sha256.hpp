// SHA-256 (FIPS 180-4) and HMAC-SHA-256 (RFC 2104), without loading a library. On x86-64, pieces of
// 4 KiB and more are as fast as with OpenSSL.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "support/sha256_blocks.hpp"

namespace jetpack::support {

using Sha256Digest = std::array<unsigned char, 32>;

class Sha256 {
 public:
  void update(std::string_view data);
  // The digest of all data; call it only once.
  Sha256Digest finish();

 private:
  Sha256State state_{0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                     0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  std::array<unsigned char, sha256_block> partial_{};
  uint64_t size_ = 0;
};

Sha256Digest sha256(std::string_view text);
// In hexadecimal, lower case.
std::string sha256_hex(std::string_view text);

Sha256Digest hmac_sha256(std::string_view key, std::string_view text);

}  // namespace jetpack::support
