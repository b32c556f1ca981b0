// Where this node's server and broker are, and what opens them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace jetpack::node {

// Bytes of a "short string" in AMQP 0-9-1: a routing key, the name of an exchange.
inline constexpr size_t max_short_string = 255;

// Which of the two a message or letter goes to.
enum class Route : uint8_t { server, broker };

struct Server {
  std::string url;  // "https://host:9443/ctx", no trailing slash
  std::string username;
  std::string password;
  std::string ca_file;  // PEM, trusted beside the system's; may be empty
  std::string proxy;    // see proxy.hpp; may hold a password
  bool verify = true;   // the certificate must be trusted and belong to the host

  bool operator==(const Server&) const = default;
};

struct BrokerAddress {
  std::string host;
  unsigned port = 0;
  bool is_tls = true;
  std::string username;
  std::string password;
  std::string vhost;
  std::string ca_file;
  bool verify = true;

  // "amqps://user@host:5671/vhost", without the password.
  std::string text() const;
};

// Reads amqps://USER:PASSWORD@HOST[:PORT][/VHOST], with user, password and vhost percent-encoded;
// without a vhost it is "/". Throws Errc::corrupt, naming `where` the text stands, and never
// repeats what could hold a password.
BrokerAddress parse_broker_address(std::string_view text, const std::string& where);

}  // namespace jetpack::node
