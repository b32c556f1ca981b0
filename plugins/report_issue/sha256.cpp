// SHA-256 of a stream.
#include "sha256.hpp"

#include <openssl/evp.h>

#include <jetpack/error.hpp>

namespace report_issue {

Sha256::Sha256() : context_(::EVP_MD_CTX_new(), ::EVP_MD_CTX_free) { begin(); }

void Sha256::begin() {
  if (::EVP_DigestInit_ex(context_.get(), ::EVP_sha256(), nullptr) != 1)
    throw jetpack::Error(jetpack::Errc::failed, "cannot make SHA-256 digests: OpenSSL has none");
}

void Sha256::update(std::string_view data) {
  ::EVP_DigestUpdate(context_.get(), data.data(), data.size());
}

Sha256Digest Sha256::finish() {
  Sha256Digest digest;
  ::EVP_DigestFinal_ex(context_.get(), digest.data(), nullptr);
  begin();
  return digest;
}

std::string hex_of(const Sha256Digest& digest) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  for (const unsigned char byte : digest) text += {digits[byte >> 4], digits[byte & 15]};
  return text;
}

}  // namespace report_issue
