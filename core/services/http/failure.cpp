// Why there was no response, as an error for an administrator.
#include "services/http/failure.hpp"

#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <cerrno>
#include <ctime>

#include <jetpack/error.hpp>
#include "services/http/status.hpp"
#include "services/node/proxy.hpp"
#include "support/files.hpp"
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

// "2024-10-04T13:03:40Z"
std::string date_text(Time time) { return support::iso_8601(time).substr(0, 19) + 'Z'; }

std::string certificate_text(const Failure& failure, const Settings& settings) {
  const CertificateProblem& found = failure.certificate;
  switch (found.verdict) {
    case X509_V_OK:
      return "has a certificate for another host (" + failure.details +
             "); use a name that the certificate has, or reissue it";
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return "has a certificate that expired on " + date_text(found.not_after) +
             "; renew it (this node's clock says " + date_text(std::chrono::system_clock::now()) +
             ')';
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return "has a certificate that is not valid before " + date_text(found.not_before) +
             "; this node's clock says " + date_text(std::chrono::system_clock::now()) +
             ": set the clock";
    default:
      return std::string("has a certificate that is not trusted: ") +
             X509_verify_cert_error_string(found.verdict) +
             (settings.ca_advice.empty() ? "" : "; " + settings.ca_advice);
  }
}

// What no later try would change: defects, and what an administrator has to fix.
bool is_final(CURLcode code) {
  switch (code) {
    case CURLE_URL_MALFORMAT:
    case CURLE_NOT_BUILT_IN:
    case CURLE_OUT_OF_MEMORY:
    case CURLE_BAD_FUNCTION_ARGUMENT:
    case CURLE_UNKNOWN_OPTION:
    case CURLE_SSL_ENGINE_NOTFOUND:
    case CURLE_SSL_CIPHER:
      return true;
    default:
      return false;
  }
}

std::string timeout_text(const Failure& failure, const Settings& settings) {
  if (failure.has_expired)
    return "did not answer within " + std::to_string(settings.longest.count()) + " ms";
  return "timed out: no connection or next to no data for too long";
}

std::string unreachable_text(const Failure& failure) {
  if (failure.os_error == ECONNREFUSED) return "refused the connection";
  if (failure.os_error != 0)
    return "cannot be reached: " + support::system_message(static_cast<int>(failure.os_error));
  return "cannot be reached" + (failure.details.empty() ? "" : ": " + failure.details);
}

// What is wrong with the connection itself, whichever side it leads to.
std::string problem_text(const Failure& failure, const Settings& settings) {
  switch (failure.code) {
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
      return "cannot be reached: its host name could not be resolved";
    case CURLE_OPERATION_TIMEDOUT:
      return timeout_text(failure, settings);
    case CURLE_COULDNT_CONNECT:
      return unreachable_text(failure);
    case CURLE_SSL_CONNECT_ERROR:
      return "did not complete the TLS handshake; is it an https port?";
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_WEIRD_SERVER_REPLY:
      return "did not answer in HTTP";
    case CURLE_PARTIAL_FILE:
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
    case CURLE_GOT_NOTHING:
      return "closed the connection before its answer was complete";
    default:
      return "request failed: " +
             (failure.details.empty() ? curl_easy_strerror(failure.code) : failure.details);
  }
}

}  // namespace

void CertificateProblem::watch(CURL* handle) {
  verdict = X509_V_OK;
  // Not supported by a libcurl with another TLS library; its errors are then less exact.
  curl_easy_setopt(handle, CURLOPT_SSL_CTX_FUNCTION, &prepare);
  curl_easy_setopt(handle, CURLOPT_SSL_CTX_DATA, this);
}

CURLcode CertificateProblem::prepare(CURL*, void* context, void* self) noexcept {
  auto* tls = static_cast<SSL_CTX*>(context);
  SSL_CTX_set_ex_data(tls, problem_index(), self);
  if (SSL_CTX_get_verify_mode(tls) != SSL_VERIFY_NONE)
    SSL_CTX_set_verify(tls, SSL_CTX_get_verify_mode(tls), &note);
  return CURLE_OK;
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

void fail(const Failure& failure, const Settings& settings, const std::string& server_url) {
  const std::string server = "the server at " + server_url;
  const CURLcode code = failure.code;
  if (code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_ISSUER_ERROR)
    throw Error(Errc::denied, server + ' ' + certificate_text(failure, settings));
  if (code == CURLE_SSL_CACERT_BADFILE)
    throw Error(Errc::corrupt,
                "cannot read certificates from " + settings.ca_file + "; it must be a PEM file");
  const bool is_refused_by_proxy = failure.proxy_status >= 300;
  const bool is_at_proxy =
      !settings.proxy.empty() &&
      (is_refused_by_proxy || code == CURLE_COULDNT_CONNECT || code == CURLE_COULDNT_RESOLVE_PROXY);
  const std::string peer = is_at_proxy ? server + " cannot be reached: the proxy " +
                                             node::without_credentials(settings.proxy)
                                       : server;
  if (is_refused_by_proxy) {
    const auto [verdict, advice] = meaning_of(static_cast<unsigned>(failure.proxy_status));
    const std::string text = peer + " answered " + std::to_string(failure.proxy_status) +
                             (advice.empty() ? "" : ": " + std::string(advice));
    if (verdict == Verdict::retry) throw Retryable(text);
    throw Error(Errc::denied, text);
  }
  const std::string text = peer + ' ' + problem_text(failure, settings);
  if (is_final(code)) throw Error(Errc::failed, text);
  throw Retryable(text);
}

bool is_lost_connection(CURLcode code) {
  switch (code) {
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_GOT_NOTHING:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
      return true;
    default:
      return false;
  }
}

}  // namespace jetpack::http
