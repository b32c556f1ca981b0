// Owners of what OpenSSL allocates.
#pragma once

#include <openssl/evp.h>
#include <openssl/x509.h>

#include <memory>

namespace jetpack::hub {

template <auto Free>
struct FreeWith {
  template <class T>
  void operator()(T* object) const {
    Free(object);
  }
};
using Key = std::unique_ptr<EVP_PKEY, FreeWith<EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, FreeWith<X509_free>>;
using Bio = std::unique_ptr<BIO, FreeWith<BIO_free_all>>;

}  // namespace jetpack::hub
