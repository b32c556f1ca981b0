// Asks the kernel for interfaces, addresses and routes.
#include <arpa/inet.h>
#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/if_arp.h>
#include <linux/neighbour.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <functional>
#include <span>

#include "support/facts/network.hpp"
#include "support/files.hpp"
#include "support/utf8.hpp"

namespace jetpack::support::facts {

namespace {

constexpr size_t answer_bytes = 64 << 10;
constexpr size_t most_messages = 20000;
constexpr int receive_seconds = 1;

using Bytes = std::span<const char>;

template <class Header>
Header header_at(Bytes bytes) {
  Header header{};
  std::memcpy(&header, bytes.data(), std::min(sizeof header, bytes.size()));
  return header;
}

size_t aligned(size_t size) { return (size + NLMSG_ALIGNTO - 1) & ~size_t{NLMSG_ALIGNTO - 1}; }

// The attributes of a message by their type; empty where there is none.
class Attributes {
 public:
  explicit Attributes(Bytes bytes) {
    while (bytes.size() >= sizeof(rtattr)) {
      const auto header = header_at<rtattr>(bytes);
      if (header.rta_len < sizeof header || header.rta_len > bytes.size()) return;
      const size_t type = header.rta_type & NLA_TYPE_MASK;
      if (type < values_.size())
        values_.at(type) = bytes.subspan(sizeof header, header.rta_len - sizeof header);
      bytes = bytes.subspan(std::min(aligned(header.rta_len), bytes.size()));
    }
  }

  Bytes bytes(size_t type) const { return values_.at(type); }
  bool has(size_t type) const { return !values_.at(type).empty(); }
  std::string text(size_t type) const {
    const Bytes value = values_.at(type);
    return {value.data(), ::strnlen(value.data(), value.size())};
  }
  uint32_t number(size_t type) const {
    const Bytes value = values_.at(type);
    if (value.size() == 1) return static_cast<unsigned char>(value[0]);
    return value.size() < sizeof(uint32_t) ? 0 : header_at<uint32_t>(value);
  }

 private:
  std::array<Bytes, 64> values_{};
};

std::string address_text(int family, Bytes bytes) {
  const size_t size = family == AF_INET ? sizeof(in_addr) : sizeof(in6_addr);
  if (bytes.size() < size) return {};
  std::array<char, INET6_ADDRSTRLEN> text{};
  return ::inet_ntop(family, bytes.data(), text.data(), text.size()) == nullptr ? "" : text.data();
}

// "ec:2a" in pairs.
std::string hardware_text(Bytes bytes) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  std::string text;
  for (const char c : bytes) {
    if (!text.empty()) text += ':';
    text += digits[static_cast<unsigned char>(c) >> 4];
    text += digits[static_cast<unsigned char>(c) & 15];
  }
  return text;
}

std::string scope_name(unsigned scope) {
  switch (scope) {
    case RT_SCOPE_UNIVERSE:
      return "global";
    case RT_SCOPE_SITE:
      return "site";
    case RT_SCOPE_LINK:
      return "link";
    case RT_SCOPE_HOST:
      return "host";
    default:
      return std::to_string(scope);
  }
}

// As in Ohai's addresses.
std::string shown_scope(unsigned scope) {
  if (scope == RT_SCOPE_HOST) return "Node";
  std::string name = scope_name(scope);
  if (name[0] >= 'a') name[0] = static_cast<char>(name[0] - 'a' + 'A');
  return name;
}

std::string protocol_name(unsigned protocol) {
  using Name = std::pair<unsigned, const char*>;
  for (const auto& [number, name] :
       {Name{RTPROT_REDIRECT, "redirect"}, Name{RTPROT_KERNEL, "kernel"},
        Name{RTPROT_STATIC, "static"}, Name{RTPROT_RA, "ra"}, Name{RTPROT_DHCP, "dhcp"},
        Name{RTPROT_ZEBRA, "zebra"}, Name{RTPROT_BIRD, "bird"}, Name{RTPROT_BGP, "bgp"},
        Name{RTPROT_OSPF, "ospf"}})
    if (protocol == number) return name;
  return std::to_string(protocol);
}

std::string encapsulation_name(unsigned type) {
  switch (type) {
    case ARPHRD_ETHER:
      return "Ethernet";
    case ARPHRD_LOOPBACK:
      return "Loopback";
    case ARPHRD_INFINIBAND:
      return "infiniband";
    default:
      return {};
  }
}

std::string state_name(uint32_t state) {
  constexpr std::array names{"unknown", "notpresent", "down", "lowerlayerdown",
                             "testing", "dormant",    "up"};
  return state < names.size() ? names.at(state) : std::to_string(state);
}

// The words that `ip addr` writes behind the scope.
std::vector<std::string> tags_of(uint32_t flags) {
  using Name = std::pair<uint32_t, const char*>;
  std::vector<std::string> tags;
  for (const auto& [flag, name] :
       {Name{IFA_F_TEMPORARY, "temporary"}, Name{IFA_F_NODAD, "nodad"},
        Name{IFA_F_OPTIMISTIC, "optimistic"}, Name{IFA_F_DADFAILED, "dadfailed"},
        Name{IFA_F_HOMEADDRESS, "home"}, Name{IFA_F_DEPRECATED, "deprecated"},
        Name{IFA_F_TENTATIVE, "tentative"}})
    if ((flags & flag) != 0) tags.emplace_back(name);
  if ((flags & IFA_F_PERMANENT) == 0) tags.emplace_back("dynamic");
  for (const auto& [flag, name] :
       {Name{IFA_F_MANAGETEMPADDR, "mngtmpaddr"}, Name{IFA_F_NOPREFIXROUTE, "noprefixroute"},
        Name{IFA_F_MCAUTOJOIN, "autojoin"}, Name{IFA_F_STABLE_PRIVACY, "stable-privacy"}})
    if ((flags & flag) != 0) tags.emplace_back(name);
  return tags;
}

using Take = std::function<void(uint16_t type, Bytes payload)>;

// Passes on the messages of one datagram; false at the last one.
bool take_messages(Bytes datagram, size_t& count, const Take& take) {
  while (datagram.size() >= sizeof(nlmsghdr)) {
    const auto header = header_at<nlmsghdr>(datagram);
    if (header.nlmsg_len < sizeof header || header.nlmsg_len > datagram.size()) return false;
    if (header.nlmsg_type == NLMSG_DONE || header.nlmsg_type == NLMSG_ERROR) return false;
    if (++count > most_messages) return false;
    take(header.nlmsg_type,
         datagram.subspan(NLMSG_HDRLEN, header.nlmsg_len - size_t{NLMSG_HDRLEN}));
    datagram = datagram.subspan(std::min(aligned(header.nlmsg_len), datagram.size()));
  }
  return true;
}

// Dumps what the kernel has of one kind.
void dump(uint16_t type, unsigned char family, const Take& take) {
  const Fd socket(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
  if (!socket) return;
  const timeval limit{receive_seconds, 0};
  ::setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  struct {
    nlmsghdr header;
    rtmsg body;
  } request{};
  request.header.nlmsg_len = sizeof request;
  request.header.nlmsg_type = type;
  request.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  request.header.nlmsg_seq = 1;
  request.body.rtm_family = family;
  if (::send(socket.get(), &request, sizeof request, 0) < 0) return;
  std::vector<char> buffer(answer_bytes);
  size_t count = 0;
  for (;;) {
    const ssize_t size = ::recv(socket.get(), buffer.data(), buffer.size(), 0);
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0 || !take_messages(Bytes(buffer.data(), static_cast<size_t>(size)), count, take))
      return;
  }
}

template <class Header>
Attributes attributes_behind(Bytes payload) {
  return Attributes(payload.subspan(std::min(aligned(sizeof(Header)), payload.size())));
}

Interface interface_in(Bytes payload) {
  const auto header = header_at<ifinfomsg>(payload);
  const auto attributes = attributes_behind<ifinfomsg>(payload);
  Interface found;
  found.index = header.ifi_index;
  found.name = well_formed(attributes.text(IFLA_IFNAME));
  found.mtu = attributes.number(IFLA_MTU);
  found.flags = header.ifi_flags;
  found.encapsulation = encapsulation_name(header.ifi_type);
  found.state = state_name(attributes.number(IFLA_OPERSTATE));
  if (!found.encapsulation.empty() && header.ifi_type != ARPHRD_LOOPBACK)
    found.hardware_address = hardware_text(attributes.bytes(IFLA_ADDRESS));
  if (found.hardware_address == "00:00:00:00:00:00") found.hardware_address.clear();
  return found;
}

void add_address(Bytes payload, Network& network) {
  const auto header = header_at<ifaddrmsg>(payload);
  const int family = header.ifa_family;
  if (family != AF_INET && family != AF_INET6) return;
  const auto attributes = attributes_behind<ifaddrmsg>(payload);
  Address address;
  address.family = family;
  address.prefix = header.ifa_prefixlen;
  address.scope = shown_scope(header.ifa_scope);
  const std::string local = address_text(family, attributes.bytes(IFA_LOCAL));
  const std::string remote = address_text(family, attributes.bytes(IFA_ADDRESS));
  address.text = local.empty() ? remote : local;
  if (!local.empty() && local != remote) {
    address.peer = remote;
    if (family == AF_INET) address.prefix = 32;
  }
  if (family == AF_INET) {
    address.broadcast = address_text(family, attributes.bytes(IFA_BROADCAST));
    address.label = well_formed(attributes.text(IFA_LABEL));
  } else {
    address.tags =
        tags_of(attributes.has(IFA_FLAGS) ? attributes.number(IFA_FLAGS) : header.ifa_flags);
  }
  for (auto& interface : network.interfaces) {
    if (interface.index != static_cast<int>(header.ifa_index)) continue;
    interface.addresses.push_back(std::move(address));
    return;
  }
}

// One for each way of a route that has several.
void add_hops(Bytes hops, const Route& route, Network& network) {
  while (hops.size() >= sizeof(rtnexthop)) {
    const auto hop = header_at<rtnexthop>(hops);
    if (hop.rtnh_len < sizeof hop || hop.rtnh_len > hops.size()) return;
    const Attributes attributes(hops.subspan(sizeof hop, hop.rtnh_len - sizeof hop));
    Route one = route;
    one.interface = hop.rtnh_ifindex;
    one.via = address_text(route.family, attributes.bytes(RTA_GATEWAY));
    network.routes.push_back(std::move(one));
    hops = hops.subspan(std::min(aligned(hop.rtnh_len), hops.size()));
  }
}

void add_route(Bytes payload, Network& network) {
  const auto header = header_at<rtmsg>(payload);
  const auto attributes = attributes_behind<rtmsg>(payload);
  const uint32_t table =
      attributes.has(RTA_TABLE) ? attributes.number(RTA_TABLE) : header.rtm_table;
  if (table != RT_TABLE_MAIN || header.rtm_type != RTN_UNICAST ||
      (header.rtm_flags & RTM_F_CLONED) != 0)
    return;
  Route route;
  route.family = header.rtm_family;
  route.destination = address_text(route.family, attributes.bytes(RTA_DST));
  const unsigned full = route.family == AF_INET ? 32 : 128;
  if (route.destination.empty()) {
    route.destination = "default";
  } else if (header.rtm_dst_len != full) {
    route.destination += '/' + std::to_string(header.rtm_dst_len);
  }
  route.source = address_text(route.family, attributes.bytes(RTA_PREFSRC));
  if (header.rtm_scope != RT_SCOPE_UNIVERSE) route.scope = scope_name(header.rtm_scope);
  if (header.rtm_protocol != RTPROT_BOOT) route.protocol = protocol_name(header.rtm_protocol);
  if (attributes.has(RTA_PRIORITY)) route.metric = attributes.number(RTA_PRIORITY);
  if (attributes.has(RTA_MULTIPATH)) {
    add_hops(attributes.bytes(RTA_MULTIPATH), route, network);
    return;
  }
  route.interface = static_cast<int>(attributes.number(RTA_OIF));
  route.via = address_text(route.family, attributes.bytes(RTA_GATEWAY));
  // A gateway of the other family: the family and the address.
  const Bytes other = attributes.bytes(RTA_VIA);
  if (route.via.empty() && other.size() > 2) route.via = address_text(AF_INET6, other.subspan(2));
  if (route.interface != 0) network.routes.push_back(std::move(route));
}

}  // namespace

Network read_network() {
  Network network;
  dump(RTM_GETLINK, AF_UNSPEC, [&](uint16_t type, Bytes payload) {
    if (type == RTM_NEWLINK) network.interfaces.push_back(interface_in(payload));
  });
  dump(RTM_GETADDR, AF_UNSPEC, [&](uint16_t type, Bytes payload) {
    if (type == RTM_NEWADDR) add_address(payload, network);
  });
  for (const int family : {AF_INET, AF_INET6})
    dump(RTM_GETROUTE, static_cast<unsigned char>(family), [&](uint16_t type, Bytes payload) {
      if (type == RTM_NEWROUTE) add_route(payload, network);
    });
  return network;
}

}  // namespace jetpack::support::facts
