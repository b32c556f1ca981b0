// SHA-256 of large data with OpenSSL, which uses the processor's SHA instructions.
#include "bulk_sha256.hpp"

#include <openssl/evp.h>

#include <jetpack/error.hpp>

namespace jetpack::report_issue {

BulkSha256::BulkSha256() : context_(::EVP_MD_CTX_new(), ::EVP_MD_CTX_free) { begin(); }

void BulkSha256::begin() {
  if (::EVP_DigestInit_ex(context_.get(), ::EVP_sha256(), nullptr) != 1)
    throw jetpack::Error(jetpack::Errc::failed,
                         "cannot compute SHA-256 digests: not available in OpenSSL");
}

void BulkSha256::update(std::string_view data) {
  ::EVP_DigestUpdate(context_.get(), data.data(), data.size());
}

Sha256Digest BulkSha256::finish() {
  Sha256Digest digest;
  ::EVP_DigestFinal_ex(context_.get(), digest.data(), nullptr);
  begin();
  return digest;
}

}  // namespace jetpack::report_issue
