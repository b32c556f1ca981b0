// Why there was no response, as an error for an administrator.
#include "services/http/failure.hpp"

#include <cerrno>

#include <jetpack/error.hpp>
#include "services/http/status.hpp"
#include "services/node/proxy.hpp"
#include "support/ca_store.hpp"
#include "support/files.hpp"

namespace jetpack::http {

namespace {

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

// What was being waited for when the time ran out.
std::string_view waited_for(const Failure& failure, const Settings& settings) {
  const bool has_proxy = !settings.proxy.empty();
  if (!failure.found_address) return has_proxy ? "proxy-name" : "server-name";
  if (!failure.is_connected) return has_proxy ? "proxy-unreachable" : "server-port";
  if (!failure.is_in_handshake) return "server-no-answer";
  return has_proxy && failure.proxy_status == 0 ? "proxy-unreachable" : "tls-handshake";
}

}  // namespace

std::string_view problem_id(const Failure& failure, const Settings& settings) {
  if (failure.proxy_status >= 300)
    return failure.proxy_status == 407 ? "proxy-credentials" : "proxy-rejected";
  switch (failure.code) {
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_ISSUER_ERROR:
      return failure.certificate.id();
    case CURLE_SSL_CACERT_BADFILE:
      return "ca-file-invalid";
    case CURLE_COULDNT_RESOLVE_HOST:
      return "server-name";
    case CURLE_COULDNT_RESOLVE_PROXY:
      return "proxy-name";
    case CURLE_COULDNT_CONNECT:
      return settings.proxy.empty() ? "server-port" : "proxy-unreachable";
    case CURLE_SSL_CONNECT_ERROR:
      return "tls-handshake";
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_WEIRD_SERVER_REPLY:
      return "server-not-http";
    case CURLE_OPERATION_TIMEDOUT:
      return waited_for(failure, settings);
    default:
      return "server-no-answer";
  }
}

void fail(const Failure& failure, const Settings& settings, const std::string& server_url) {
  const std::string server = "the server at " + server_url;
  const CURLcode code = failure.code;
  if (code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_ISSUER_ERROR)
    throw Error(Errc::denied,
                server + ' ' + failure.certificate.text(failure.details, settings.ca_advice));
  if (code == CURLE_SSL_CACERT_BADFILE)
    throw Error(Errc::corrupt, "cannot read certificates from " +
                                   (settings.ca_file.empty() ? support::system_ca_store().file
                                                             : settings.ca_file) +
                                   "; it must be a PEM file");
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
