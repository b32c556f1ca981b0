// Which address is this machine's, and the network as Ohai shows it.
#include "support/facts/network.hpp"

#include <arpa/inet.h>
#include <linux/if.h>

#include <algorithm>
#include <array>
#include <compare>
#include <cstring>
#include <map>
#include <tuple>

#include "support/text.hpp"

namespace jetpack::support::facts {

namespace {

using Packed = std::array<unsigned char, 16>;

Packed packed(int family, const std::string& text) {
  Packed bytes{};
  ::inet_pton(family, text.c_str(), bytes.data());
  return bytes;
}

int family_of(const std::string& text) {
  return text.find(':') == std::string::npos ? AF_INET : AF_INET6;
}

bool is_within(int family, const std::string& address, const std::string& network,
               unsigned prefix) {
  if (family_of(address) != family) return false;
  const Packed one = packed(family, address), other = packed(family, network);
  for (unsigned bit = 0; bit < prefix; ++bit) {
    const unsigned mask = 0x80U >> (bit % 8);
    if (((one.at(bit / 8) ^ other.at(bit / 8)) & mask) != 0) return false;
  }
  return true;
}

// Of "10.0.0.0/24", "10.0.0.4" and "default".
unsigned prefix_of(const Route& route) {
  if (route.destination == "default") return 0;
  const size_t slash = route.destination.find('/');
  if (slash == std::string::npos) return route.family == AF_INET ? 32 : 128;
  unsigned prefix = 0;
  for (const char c : route.destination.substr(slash + 1))
    prefix = prefix * 10 + static_cast<unsigned>(c - '0');
  return prefix;
}

const Interface* find_interface(const Network& network, int index) {
  for (const auto& interface : network.interfaces)
    if (interface.index == index) return &interface;
  return nullptr;
}

bool has_family(const Interface& interface, int family) {
  return std::any_of(interface.addresses.begin(), interface.addresses.end(),
                     [&](const Address& address) { return address.family == family; });
}

const Address* find_address(const Interface& interface, const std::string& text) {
  for (const auto& address : interface.addresses)
    if (address.text == text) return &address;
  return nullptr;
}

// A route whose source is an address that the interface does not have counts for nothing.
bool is_listed(const Network& network, const Route& route) {
  const Interface* interface = find_interface(network, route.interface);
  if (interface == nullptr) return false;
  return route.source.empty() || find_address(*interface, route.source) != nullptr ||
         !has_family(*interface, route.family);
}

const Route* default_route(const Network& network, int family) {
  const Route* best = nullptr;
  for (const auto& route : network.routes) {
    if (route.family != family || route.destination != "default" || !is_listed(network, route))
      continue;
    if (best == nullptr || route.metric.value_or(0) < best->metric.value_or(0)) best = &route;
  }
  return best;
}

bool leads_to_gateway(const Route& route, const Route& to) {
  if (route.destination == "default") return true;
  if (to.via.empty()) return false;
  const std::string network = route.destination.substr(0, route.destination.find('/'));
  return is_within(route.family, to.via, network, prefix_of(route));
}

bool is_candidate(const Network& network, const Route& route, const Route& to) {
  const Interface* interface = find_interface(network, route.interface);
  if (interface == nullptr || !is_listed(network, route) || !leads_to_gateway(route, to))
    return false;
  if (route.family == AF_INET6) return interface->state == "up";
  if (route.source.empty()) return false;
  if (!has_family(*interface, AF_INET)) return true;
  const Address* address = find_address(*interface, route.source);
  return address != nullptr && address->scope != "Link";
}

// The route by which the default gateway is reached, and whose source is this machine's address.
const Route* favoured_route(const Network& network, int family, const Route& to) {
  const auto rank = [](const Route& route) {
    return std::tuple(route.destination == "default" ? 0 : 1, route.metric.value_or(0),
                      prefix_of(route));
  };
  const Route* best = nullptr;
  for (const auto& route : network.routes) {
    if (route.family != family || !is_candidate(network, route, to)) continue;
    if (best == nullptr || rank(route) < rank(*best)) best = &route;
  }
  return best;
}

int scope_rank(const std::string& scope) {
  constexpr std::array<std::string_view, 4> ranks{"Global", "Site", "Link", "Node"};
  const auto* const found = std::find(ranks.begin(), ranks.end(), scope);
  return static_cast<int>(found - ranks.begin());
}

struct Owned {
  const Interface* interface = nullptr;
  const Address* address = nullptr;
};

// Of a family, the widest scope and the longest prefix first.
std::vector<Owned> sorted_addresses(const Network& network, int family) {
  std::vector<Owned> all;
  for (const auto& interface : network.interfaces)
    for (const auto& address : interface.addresses)
      if (address.family == family) all.push_back({&interface, &address});
  const auto rank = [&](const Owned& one) {
    return std::tuple(scope_rank(one.address->scope), 128 - one.address->prefix,
                      packed(family, one.address->text));
  };
  std::stable_sort(all.begin(), all.end(),
                   [&](const Owned& one, const Owned& other) { return rank(one) < rank(other); });
  return all;
}

// Where no route says it: an address in the network of the gateway, else the first.
Owned likely_address(const Network& network, int family) {
  std::vector<Owned> all = sorted_addresses(network, family);
  const Route* to = default_route(network, family);
  if (to != nullptr) {
    std::erase_if(all, [&](const Owned& one) { return one.interface->index != to->interface; });
    const bool is_link_local = to->via.empty() || to->via.starts_with("fe80:");
    for (const auto& one : all) {
      if (is_link_local) break;
      const bool reaches = one.address->peer.empty()
                               ? is_within(family, to->via, one.address->text, one.address->prefix)
                               : one.address->peer == to->via;
      if (reaches) return one;
    }
  }
  return all.empty() ? Owned{} : all.front();
}

std::string hardware_address_of(const Interface* interface) {
  return interface == nullptr || (interface->flags & IFF_NOARP) != 0 ? ""
                                                                     : interface->hardware_address;
}

std::string netmask(unsigned prefix) {
  std::string text;
  for (unsigned part = 0; part < 4; ++part) {
    const unsigned bits = std::min(8U, prefix > part * 8 ? prefix - part * 8 : 0U);
    text += (part == 0 ? "" : ".") + std::to_string(0xFFU & ~(0xFFU >> bits));
  }
  return text;
}

std::vector<std::string> flag_names(uint32_t flags) {
  using Name = std::pair<uint32_t, const char*>;
  std::vector<std::string> names;
  for (const auto& [flag, name] :
       {Name{IFF_LOOPBACK, "LOOPBACK"}, Name{IFF_BROADCAST, "BROADCAST"},
        Name{IFF_MULTICAST, "MULTICAST"}, Name{IFF_NOARP, "NOARP"}, Name{IFF_ALLMULTI, "ALLMULTI"},
        Name{IFF_PROMISC, "PROMISC"}, Name{IFF_MASTER, "MASTER"}, Name{IFF_SLAVE, "SLAVE"},
        Name{IFF_DEBUG, "DEBUG"}, Name{IFF_DYNAMIC, "DYNAMIC"}, Name{IFF_NOTRAILERS, "NOTRAILERS"},
        Name{IFF_UP, "UP"}, Name{IFF_LOWER_UP, "LOWER_UP"}})
    if ((flags & flag) != 0) names.emplace_back(name);
  return names;
}

bool is_word(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

// "eth" and "0" of "eth0".
void add_type_and_number(const std::string& name, Object& json) {
  const size_t digit = name.find_first_of("0123456789", 1);
  if (digit == std::string::npos ||
      !std::all_of(name.begin(), name.begin() + static_cast<std::ptrdiff_t>(digit), is_word))
    return;
  json.text("type", name.substr(0, digit)).text("number", name.substr(digit));
}

void add_address(const Address& address, Object& addresses) {
  addresses.object(address.text, [&](Object& json) {
    json.text("family", address.family == AF_INET ? "inet" : "inet6");
    json.text("prefixlen", std::to_string(address.prefix));
    if (address.family == AF_INET) json.text("netmask", netmask(address.prefix));
    if (!address.peer.empty()) json.text("peer", address.peer);
    if (!address.broadcast.empty()) json.text("broadcast", address.broadcast);
    json.text("scope", address.scope);
    if (address.family == AF_INET6) json.texts("tags", address.tags);
  });
}

void add_route(const Route& route, JsonWriter& writer) {
  Object json(writer);
  json.text("destination", route.destination);
  json.text("family", route.family == AF_INET ? "inet" : "inet6");
  if (!route.via.empty()) json.text("via", route.via);
  if (!route.scope.empty()) json.text("scope", route.scope);
  if (route.metric) json.text("metric", std::to_string(*route.metric));
  if (!route.protocol.empty()) json.text("proto", route.protocol);
  if (!route.source.empty()) json.text("src", route.source);
}

void add_interface(const Network& network, const Interface& interface, Object& interfaces) {
  std::map<std::string, std::vector<const Address*>> aliases;
  interfaces.object(interface.name, [&](Object& json) {
    add_type_and_number(interface.name, json);
    json.text("mtu", std::to_string(interface.mtu));
    const auto flags = flag_names(interface.flags);
    if (flags.size() > 1) json.texts("flags", flags);
    if (!interface.encapsulation.empty()) json.text("encapsulation", interface.encapsulation);
    if (!interface.hardware_address.empty() || !interface.addresses.empty())
      json.object("addresses", [&](Object& addresses) {
        if (!interface.hardware_address.empty())
          addresses.object(interface.hardware_address,
                           [](Object& address) { address.text("family", "lladdr"); });
        for (const auto& address : interface.addresses) {
          if (address.label.starts_with(interface.name + ':')) {
            aliases[address.label].push_back(&address);
          } else {
            add_address(address, addresses);
          }
        }
      });
    json.text("state", interface.state);
    std::vector<const Route*> routes;
    for (const auto& route : network.routes)
      if (route.interface == interface.index && is_listed(network, route)) routes.push_back(&route);
    if (!routes.empty())
      json.list("routes", routes,
                [](JsonWriter& writer, const Route* route) { add_route(*route, writer); });
  });
  for (const auto& alias : aliases)
    interfaces.object(alias.first, [&](Object& json) {
      json.object("addresses", [&](Object& addresses) {
        for (const auto* address : alias.second) add_address(*address, addresses);
      });
    });
}

}  // namespace

Chosen choose_addresses(const Network& network) {
  Chosen chosen;
  for (const int family : {AF_INET, AF_INET6}) {
    const Route* to = default_route(network, family);
    const Route* favoured = to == nullptr ? nullptr : favoured_route(network, family, *to);
    if (favoured == nullptr) continue;
    (family == AF_INET ? chosen.ipv4 : chosen.ipv6) = favoured->source;
    if (chosen.hardware_address.empty())
      chosen.hardware_address = hardware_address_of(find_interface(network, favoured->interface));
  }
  for (const int family : {AF_INET, AF_INET6}) {
    const Owned likely = likely_address(network, family);
    if (likely.address == nullptr) continue;
    std::string& address = family == AF_INET ? chosen.ipv4 : chosen.ipv6;
    if (address.empty()) address = likely.address->text;
    if (chosen.hardware_address.empty())
      chosen.hardware_address = likely.interface->hardware_address;
  }
  return chosen;
}

void add_network(const Network& network, const Chosen& chosen, Object& facts) {
  if (!chosen.ipv4.empty()) facts.text("ipaddress", chosen.ipv4);
  if (!chosen.ipv6.empty()) facts.text("ip6address", chosen.ipv6);
  if (!chosen.hardware_address.empty()) facts.text("macaddress", chosen.hardware_address);
  facts.object("network", [&](Object& json) {
    json.object("interfaces", [&](Object& interfaces) {
      for (const auto& interface : network.interfaces)
        add_interface(network, interface, interfaces);
    });
    for (const int family : {AF_INET, AF_INET6}) {
      const Route* to = default_route(network, family);
      if (to == nullptr) continue;
      const std::string name = family == AF_INET ? "default" : "default_inet6";
      const Interface* interface = find_interface(network, to->interface);
      json.text(name + "_interface", interface == nullptr ? "" : interface->name);
      const char* any = family == AF_INET ? "0.0.0.0" : "::";
      json.text(name + "_gateway", to->via.empty() ? any : to->via);
    }
  });
}

}  // namespace jetpack::support::facts
