// An HTTP listener, with TLS or without, whose every connection has deadlines.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include <Poco/Net/HTTPRequestHandler.h>

#include "common/connections.hpp"

namespace jetpack::hub {

// From the connection, or the last response, to a complete header.
inline constexpr std::chrono::seconds request_time{30};

// Creates the handler of one request.
using MakeHandler = std::function<std::unique_ptr<Poco::Net::HTTPRequestHandler>(
    const std::shared_ptr<Connections::Lease>&)>;

// Serves from construction to drain(), or to its destruction, on threads of its own.
class Listener {
 public:
  // `listen`: "HOST:PORT", port 0 for any free one. `certificate`: key and certificate in one
  // PEM file; "" serves plain HTTP. `option`: where the address came from, for errors. Throws Errc::usage for an address
  // that is invalid, Errc::unavailable when it is in use.
  Listener(const std::string& listen, const std::filesystem::path& certificate, const char* option,
           int most_threads, MakeHandler make);
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;
  ~Listener();

  uint16_t port() const;

  // Accepts no new connections.
  void stop();
  // Gives busy connections up to two seconds, and closes the rest.
  void drain();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace jetpack::hub
