// The hub's HTTPS server: reads a request, authenticates it and routes it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "common/limits.hpp"
#include "common/served_certificate.hpp"
#include "server/services.hpp"

namespace jetpack::hub {

// Serves from construction to destruction, on threads of its own.
class HttpServer {
 public:
  // `listen`: "HOST:PORT", port 0 for any free one. `certificate`: key and certificate in one
  // PEM file. Throws Errc::usage for an invalid address, Errc::unavailable for one in use.
  HttpServer(Services services, const std::string& listen, ServedCertificate& certificate,
             const Limits& limits);
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;
  // Accepts no new connections, gives those that are busy up to two seconds, closes the rest.
  ~HttpServer();

  uint16_t port() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace jetpack::hub
