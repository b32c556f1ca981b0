// Ed25519 keys and signatures (RFC 8032), with OpenSSL.
#include "bundles/ed25519.hpp"

#include <openssl/evp.h>

#include <algorithm>
#include <cstring>
#include <memory>

#include <jetpack/error.hpp>
#include "support/encoding.hpp"
#include "support/random.hpp"
#include "support/sha256.hpp"

namespace jetpack::bundles {

namespace {

constexpr size_t seed_size = 32, signature_size = 64, id_digits = 16;

struct FreeKey {
  void operator()(EVP_PKEY* key) const noexcept { ::EVP_PKEY_free(key); }
};
struct FreeContext {
  void operator()(EVP_MD_CTX* context) const noexcept { ::EVP_MD_CTX_free(context); }
};
using Key = std::unique_ptr<EVP_PKEY, FreeKey>;
using Context = std::unique_ptr<EVP_MD_CTX, FreeContext>;

const unsigned char* raw(std::string_view bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}

[[noreturn]] void fail(const char* what) {
  throw Error(Errc::internal, std::string("OpenSSL cannot ") + what + " with Ed25519");
}

Key private_key(std::string_view seed) {
  Key key(::EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, raw(seed), seed.size()));
  if (!key) fail("use a private key");
  return key;
}

}  // namespace

std::optional<PublicKey> PublicKey::from_bytes(std::string_view bytes) {
  if (bytes.size() != size) return std::nullopt;
  PublicKey key;
  std::copy(bytes.begin(), bytes.end(), key.bytes_.begin());
  return key;
}

std::string PublicKey::id() const { return support::sha256_hex(bytes()).substr(0, id_digits); }

bool PublicKey::verifies(std::string_view message, std::string_view signature) const {
  if (signature.size() != signature_size) return false;
  const Key key(::EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, raw(bytes()), size));
  const Context context(::EVP_MD_CTX_new());
  return key && context &&
         ::EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, key.get()) == 1 &&
         ::EVP_DigestVerify(context.get(), raw(signature), signature.size(), raw(message),
                            message.size()) == 1;
}

PrivateKey PrivateKey::generate() { return PrivateKey(support::random_bytes(seed_size)); }

std::optional<PrivateKey> PrivateKey::from_bytes(std::string_view bytes) {
  if (bytes.size() != seed_size) return std::nullopt;
  return PrivateKey(std::string(bytes));
}

PrivateKey::~PrivateKey() { ::explicit_bzero(seed_.data(), seed_.size()); }

PublicKey PrivateKey::public_key() const {
  const Key key = private_key(seed_);
  std::string bytes(PublicKey::size, '\0');
  size_t size = bytes.size();
  if (::EVP_PKEY_get_raw_public_key(key.get(), reinterpret_cast<unsigned char*>(bytes.data()),
                                    &size) != 1)
    fail("make a public key");
  return *PublicKey::from_bytes(bytes);
}

std::string PrivateKey::sign(std::string_view message) const {
  const Key key = private_key(seed_);
  const Context context(::EVP_MD_CTX_new());
  std::string signature(signature_size, '\0');
  size_t size = signature.size();
  if (!context || ::EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key.get()) != 1 ||
      ::EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()), &size,
                       raw(message), message.size()) != 1)
    fail("sign");
  return signature;
}

}  // namespace jetpack::bundles
