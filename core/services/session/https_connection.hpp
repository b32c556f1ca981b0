// What the https module is made of: a connection by one of two libraries, which the build chooses.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "services/session/https_module.hpp"

namespace jetpack::session {

// Texts of headers are empty when they are missing.
struct HttpsResponse {
  uint32_t status = 0;
  std::string retry_after;
  std::string date;
  std::string body;
};

class HttpsConnection {
 public:
  HttpsConnection() = default;
  HttpsConnection(const HttpsConnection&) = delete;
  HttpsConnection& operator=(const HttpsConnection&) = delete;
  virtual ~HttpsConnection() = default;

  // As HttpsModule::exchange.
  virtual HttpsResponse exchange(const RequestParameters& parameters) = 0;
};

// By the library that was built in.
std::unique_ptr<HttpsConnection> open_connection(const ServerParameters& server);

// The value of the Authorization header; empty without a user name.
std::string basic_authorization(const ServerParameters& server);

}  // namespace jetpack::session
