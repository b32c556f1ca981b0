// Interfaces, addresses and routes, and which address is this machine's.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "support/json_writer.hpp"

namespace jetpack::support::facts {

struct Address {
  int family = 0;    // AF_INET or AF_INET6
  std::string text;  // as inet_ntop writes it
  unsigned prefix = 0;
  std::string scope;  // "Global", "Link", "Node", "Site"
  std::string broadcast, peer;
  std::vector<std::string> tags = {};  // of IPv6: "dynamic", "deprecated" ...
  std::string label = {};              // "eth0:1" of an alias
};

struct Route {
  int family = 0;
  std::string destination;  // "default", "10.0.0.0/24", "168.63.129.16"
  int interface = 0;
  std::string via, source, scope, protocol;
  std::optional<uint32_t> metric = {};
};

struct Interface {
  int index = 0;
  std::string name;
  uint32_t mtu = 0, flags = 0;
  std::string encapsulation;  // "Ethernet", "Loopback", "infiniband"; empty: not said
  std::string hardware_address;
  std::string state;  // "up", "down", "unknown"
  std::vector<Address> addresses = {};
};

struct Network {
  std::vector<Interface> interfaces;
  std::vector<Route> routes;
};

// From the kernel, by rtnetlink; what it does not say is left out.
Network read_network();

// The addresses of this machine, by Ohai's rules; empty: none.
struct Chosen {
  std::string ipv4, ipv6, hardware_address;
};
// Also leaves out the routes whose source is not an address of their interface.
Chosen choose_addresses(const Network& network);

void add_network(const Network& network, const Chosen& chosen, Object& facts);

}  // namespace jetpack::support::facts
