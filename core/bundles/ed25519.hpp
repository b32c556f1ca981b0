// Ed25519 keys and signatures (RFC 8032), with OpenSSL.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>

namespace jetpack::bundles {

// The raw 32 bytes.
class PublicKey {
 public:
  static constexpr size_t size = 32;

  // nullopt unless there are 32 bytes.
  static std::optional<PublicKey> from_bytes(std::string_view bytes);

  std::string_view bytes() const { return {bytes_.data(), bytes_.size()}; }
  // The first 16 hexadecimal digits of the SHA-256 of the bytes.
  std::string id() const;
  // Whether the signature, of 64 bytes, is this key's over the message.
  bool verifies(std::string_view message, std::string_view signature) const;

  bool operator==(const PublicKey&) const = default;

 private:
  std::array<char, size> bytes_{};
};

class PrivateKey {
 public:
  static PrivateKey generate();
  // nullopt unless there are 32 bytes.
  static std::optional<PrivateKey> from_bytes(std::string_view bytes);

  PrivateKey(PrivateKey&&) noexcept = default;
  PrivateKey& operator=(PrivateKey&&) noexcept = default;
  ~PrivateKey();

  std::string_view bytes() const { return seed_; }
  PublicKey public_key() const;
  // 64 bytes.
  std::string sign(std::string_view message) const;

 private:
  explicit PrivateKey(std::string seed) : seed_(std::move(seed)) {}

  std::string seed_;
};

}  // namespace jetpack::bundles
