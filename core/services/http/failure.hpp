// Why there was no response, as an error for an administrator.
#pragma once

#include <chrono>
#include <string>

#include <curl/curl.h>
#include <openssl/types.h>

#include "services/http/client.hpp"

namespace jetpack::http {

// What OpenSSL found wrong with a server's certificate; libcurl tells it only as a sentence.
struct CertificateProblem {
  int verdict = 0;  // X509_V_OK
  std::chrono::system_clock::time_point not_before;
  std::chrono::system_clock::time_point not_after;

  // Notes problems of the connections that `handle` makes from now on, for as long as both live.
  void watch(CURL* handle);

 private:
  static CURLcode prepare(CURL* handle, void* context, void* self) noexcept;
  static int note(int is_good, X509_STORE_CTX* store) noexcept;
};

// Everything that is known of one failed exchange.
struct Failure {
  CURLcode code;
  std::string details;  // libcurl's own words; may be empty
  long os_error = 0;
  long proxy_status = 0;  // of the proxy's answer to CONNECT; 0: none
  bool has_expired = false;
  CertificateProblem certificate;
};

// Throws it as Client::perform says.
[[noreturn]] void fail(const Failure& failure, const Settings& settings,
                       const std::string& server_url);

// Whether a connection that was used before may only have been closed by the other side meanwhile.
bool is_lost_connection(CURLcode code);

}  // namespace jetpack::http
