// What OpenSSL found wrong with a certificate.
#include "services/http/certificate.hpp"

#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <ctime>

#include <jetpack/error.hpp>

#include "support/ca_store.hpp"
#include "support/times.hpp"

namespace jetpack::http {

namespace {

using Time = std::chrono::system_clock::time_point;

int problem_index() {
  static const int index = SSL_CTX_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  return index;
}

Time time_of(const ASN1_TIME* time) {
  std::tm fields{};
  if (time == nullptr || ASN1_TIME_to_tm(time, &fields) != 1) return {};
  return std::chrono::system_clock::from_time_t(::timegm(&fields));
}

}  // namespace

void CertificateProblem::watch(SSL_CTX* context) {
  verdict = X509_V_OK;
  SSL_CTX_set_ex_data(context, problem_index(), this);
  SSL_CTX_set_verify(context, SSL_CTX_get_verify_mode(context), &note);
}

int CertificateProblem::note(int is_good, X509_STORE_CTX* store) noexcept {
  if (is_good != 0) return is_good;
  const auto* tls =
      static_cast<SSL*>(X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()));
  auto* self =
      static_cast<CertificateProblem*>(SSL_CTX_get_ex_data(SSL_get_SSL_CTX(tls), problem_index()));
  self->verdict = X509_STORE_CTX_get_error(store);
  if (const X509* certificate = X509_STORE_CTX_get_current_cert(store); certificate != nullptr) {
    self->not_before = time_of(X509_get0_notBefore(certificate));
    self->not_after = time_of(X509_get0_notAfter(certificate));
  }
  return is_good;
}

std::string_view CertificateProblem::id() const {
  switch (verdict) {
    case X509_V_OK:
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
      return "certificate-wrong-host";
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return "certificate-expired";
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return "certificate-not-yet-valid";
    default:
      return "certificate-untrusted";
  }
}

std::string CertificateProblem::text(const std::string& details,
                                     const std::string& ca_advice) const {
  const std::string now = support::iso_8601_seconds(std::chrono::system_clock::now());
  switch (verdict) {
    case X509_V_OK:
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
      return "has a certificate for another host (" +
             (verdict == X509_V_OK ? details : X509_verify_cert_error_string(verdict)) +
             "); use a name that the certificate has, or reissue it";
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return "has a certificate that expired on " + support::iso_8601_seconds(not_after) +
             "; renew it (this node's clock says " + now + ')';
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return "has a certificate that is not valid before " + support::iso_8601_seconds(not_before) +
             "; this node's clock says " + now + ": set the clock";
    default:
      return std::string("has a certificate that is not trusted: ") +
             X509_verify_cert_error_string(verdict) + (ca_advice.empty() ? "" : "; " + ca_advice);
  }
}

void trust_authorities(SSL_CTX* context, const std::string& ca_file) {
  const support::CaStore store = support::system_ca_store();
  if (!store.directory.empty()) SSL_CTX_load_verify_dir(context, store.directory.c_str());
  if (!store.file.empty()) trust_file(context, store.file);
  if (!ca_file.empty()) trust_file(context, ca_file);
}

void trust_file(SSL_CTX* context, const std::string& file) {
  if (SSL_CTX_load_verify_file(context, file.c_str()) != 1)
    throw Error(Errc::corrupt, "cannot read certificates from " + file + "; it must be a PEM file");
}

}  // namespace jetpack::http
