// What OpenSSL found wrong with a certificate, in words that say what to do.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include <openssl/types.h>

namespace jetpack::http {

struct CertificateProblem {
  int verdict = 0;  // X509_V_OK
  std::chrono::system_clock::time_point not_before;
  std::chrono::system_clock::time_point not_after;

  // Notes problems of the connections that the context makes from now on, in place of the one
  // before; it must outlive them. Not for a context that verifies nothing.
  void watch(SSL_CTX* context);

  // The id of the problem in support/diagnosis.hpp.
  std::string_view id() const;

  // "has a certificate that expired on 2026-01-31T00:00:00Z; renew it". For X509_V_OK it is for
  // another host, of which `details` tells more; `ca_advice` is how to make a CA trusted.
  std::string text(const std::string& details, const std::string& ca_advice) const;

 private:
  static int note(int is_good, X509_STORE_CTX* store) noexcept;
};

// Makes the context trust the system's CAs and, unless it is empty, those in `ca_file`. Throws
// Errc::corrupt for a file that cannot be read.
void trust_authorities(SSL_CTX* context, const std::string& ca_file);

// Adds the certificates of a PEM file to what the context trusts; throws Errc::corrupt.
void trust_file(SSL_CTX* context, const std::string& file);

}  // namespace jetpack::http
