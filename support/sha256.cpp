// SHA-256 (FIPS 180-4) and HMAC-SHA-256 (RFC 2104).
#include "support/sha256.hpp"

#include <algorithm>
#include <cstring>

#include "support/encoding.hpp"

namespace jetpack::support {

void Sha256::update(std::string_view data) {
  const size_t used = size_ % partial_.size();
  size_ += data.size();
  if (used > 0) {
    const size_t taken = std::min(partial_.size() - used, data.size());
    std::memcpy(partial_.data() + used, data.data(), taken);
    data.remove_prefix(taken);
    if (used + taken < partial_.size()) return;
    add_sha256_blocks(state_, partial_.data(), 1);
  }
  const size_t blocks = data.size() / sha256_block;
  add_sha256_blocks(state_, reinterpret_cast<const unsigned char*>(data.data()), blocks);
  data.remove_prefix(blocks * sha256_block);
  if (!data.empty()) std::memcpy(partial_.data(), data.data(), data.size());
}

Sha256Digest Sha256::finish() {
  const uint64_t bits = size_ * 8;
  const size_t used = size_ % partial_.size();
  std::string padding((used < 56 ? 56 : 120) - used, '\0');
  padding[0] = '\x80';
  for (int shift = 56; shift >= 0; shift -= 8) padding += static_cast<char>(bits >> shift & 0xFF);
  update(padding);
  Sha256Digest digest;
  for (size_t i = 0; i < digest.size(); ++i)
    digest[i] = static_cast<unsigned char>(state_[i / 4] >> (24 - 8 * (i % 4)) & 0xFF);
  return digest;
}

Sha256Digest sha256(std::string_view text) {
  Sha256 hash;
  hash.update(text);
  return hash.finish();
}

std::string sha256_hex(std::string_view text) { return hex(sha256(text)); }

Sha256Digest hmac_sha256(std::string_view key, std::string_view text) {
  constexpr size_t block = 64;
  std::string padded(key);
  if (key.size() > block) {
    const auto digest = sha256(key);
    padded.assign(digest.begin(), digest.end());
  }
  padded.resize(block, '\0');
  const auto with = [&](unsigned char mask) {
    std::string result = padded;
    for (char& c : result) c = static_cast<char>(static_cast<unsigned char>(c) ^ mask);
    return result;
  };
  Sha256 inner, outer;
  inner.update(with(0x36));
  inner.update(text);
  const auto digest = inner.finish();
  outer.update(with(0x5C));
  outer.update({reinterpret_cast<const char*>(digest.data()), digest.size()});
  return outer.finish();
}

}  // namespace jetpack::support
