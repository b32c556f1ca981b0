// An HTTP listener, with TLS or without: one thread waits for all clients, others handle requests.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "common/connection.hpp"
#include "common/limits.hpp"
#include "common/served_certificate.hpp"
#include "support/log_file.hpp"

namespace jetpack::hub {

// Serves from construction to its destruction. A connection needs a thread only while a request whose
// head is complete, and as much of its body as the handler wants, is handled.
class Listener {
 public:
  struct Address {
    std::string listen;              // "HOST:PORT", port 0 for any free one
    ServedCertificate* certificate;  // nullptr: plain HTTP
    const char* option;              // where `listen` came from, for errors
  };

  // `kept`: of `most`, for heads and for administrators.
  struct Threads {
    size_t most, kept;
  };

  // Throws Errc::usage for an address that is invalid, Errc::unavailable when it is in use.
  Listener(const Address& address, const Limits& limits, Threads threads,
           const support::LogFile& log, MakeHandler make);
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;
  // Gives requests that are being handled up to two seconds, and cuts the rest.
  ~Listener();

  uint16_t port() const;

  // Accepts no new connections or requests.
  void stop();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace jetpack::hub
