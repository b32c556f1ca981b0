// Why there was no response, as an error for an administrator.
#pragma once

#include <string>
#include <string_view>

#include <curl/curl.h>

#include "services/http/certificate.hpp"
#include "services/http/client.hpp"

namespace jetpack::http {

// Everything that is known of one failed exchange.
struct Failure {
  CURLcode code;
  std::string details;  // libcurl's own words; may be empty
  long os_error = 0;
  long proxy_status = 0;  // of the proxy's answer to CONNECT; 0: none
  bool has_expired = false;
  CertificateProblem certificate;
  // How far it came: the peer is the proxy, where there is one.
  bool found_address = false;
  bool is_connected = false;
  bool is_in_handshake = false;
};

// The id of the problem in support/diagnosis.hpp.
std::string_view problem_id(const Failure& failure, const Settings& settings);

// Throws it as Client::perform says.
[[noreturn]] void fail(const Failure& failure, const Settings& settings,
                       const std::string& server_url);

// Whether a connection that was used before may only have been closed by the other side meanwhile.
bool is_lost_connection(CURLcode code);

}  // namespace jetpack::http
