// The proxy on the way to a server.
#include "services/node/proxy.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <optional>
#include <vector>

#include <jetpack/error.hpp>
#include "support/encoding.hpp"
#include "support/text.hpp"

namespace jetpack::node {

namespace {

// Network byte order: 4 or 16 bytes.
using Address = std::vector<unsigned char>;

std::optional<Address> address_in(const std::string& text) {
  Address bytes(16);
  if (::inet_pton(AF_INET6, text.c_str(), bytes.data()) == 1) return bytes;
  if (::inet_pton(AF_INET, text.c_str(), bytes.data()) != 1) return std::nullopt;
  bytes.resize(4);
  return bytes;
}

std::optional<unsigned> number_in(std::string_view text) {
  unsigned number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

bool is_in_network(const Address& address, const Address& network, size_t bits) {
  if (address.size() != network.size() || bits > 8 * network.size()) return false;
  for (size_t i = 0; i < bits; ++i) {
    const unsigned mask = 0x80u >> (i % 8);
    if ((address[i / 8] & mask) != (network[i / 8] & mask)) return false;
  }
  return true;
}

std::string without_last_dot(std::string_view name) {
  if (name.ends_with('.')) name.remove_suffix(1);
  return std::string(name);
}

struct Entry {
  std::string host;
  std::optional<std::string> port;
};

// "host", "host:port", "[::1]:port"; more than one colon without brackets is an IPv6 address.
Entry split_entry(std::string_view text) {
  std::string_view port;
  if (text.starts_with('[')) {
    const size_t end = std::min(text.find(']'), text.size());
    port = text.substr(std::min(end + 1, text.size()));
    text = text.substr(1, end - 1);
  } else if (std::count(text.begin(), text.end(), ':') == 1) {
    port = text.substr(text.find(':'));
    text = text.substr(0, text.find(':'));
  }
  Entry entry{std::string(text), std::nullopt};
  if (!port.empty()) entry.port = port.substr(1);
  return entry;
}

bool names(std::string_view text, const support::Url& server) {
  if (text == "*") return true;
  const auto address = address_in(server.host);
  if (const size_t slash = text.find('/'); slash != std::string_view::npos) {
    const auto network = address_in(split_entry(text.substr(0, slash)).host);
    const auto bits = number_in(text.substr(slash + 1));
    return address && network && bits && is_in_network(*address, *network, *bits);
  }
  const Entry entry = split_entry(text);
  if (entry.port && number_in(*entry.port) != server.port) return false;
  if (address) return address_in(entry.host) == address;
  std::string_view name = entry.host;
  if (name.starts_with("*.")) name.remove_prefix(1);
  if (name.starts_with('.')) name.remove_prefix(1);
  const std::string domain = without_last_dot(name);
  const std::string host = without_last_dot(server.host);
  return !domain.empty() && (host == domain || host.ends_with('.' + domain));
}

struct Variable {
  std::string name;
  std::string value;
};

// The first of these variables that is set and not empty.
Variable first_set(std::initializer_list<std::string> variables) {
  for (const auto& name : variables) {
    const char* value = std::getenv(name.c_str());
    if (value != nullptr && !support::trimmed(value).empty())
      return {name, std::string(support::trimmed(value))};
  }
  return {};
}

}  // namespace

std::string parse_proxy(std::string_view text, const std::string& where) {
  const auto fail = [&](const std::string& what) {
    throw Error(Errc::corrupt, "the proxy's address in " + where + " " + what +
                                   "; expected http://[USER:PASSWORD@]HOST[:PORT]");
  };
  text = support::trimmed(text);
  if (const size_t mark = text.find("://"); mark != std::string_view::npos) {
    if (support::lower_case(text.substr(0, mark)) != "http")
      fail("is not http, the only kind that is supported");
    text.remove_prefix(mark + 3);
  }
  std::string credentials;
  if (const size_t at = text.rfind('@'); at != std::string_view::npos) {
    const std::string_view user = text.substr(0, at);
    const size_t colon = std::min(user.find(':'), user.size());
    const auto encoded = [](std::string_view part) {
      return support::percent_encoded(support::percent_decoded_leniently(part));
    };
    credentials = encoded(user.substr(0, colon)) + ':' +
                  encoded(user.substr(std::min(colon + 1, user.size()))) + '@';
    text.remove_prefix(at + 1);
  }
  const auto endpoint = support::parse_endpoint(text.substr(0, text.find('/')), 80, fail);
  return "http://" + credentials + support::authority_text(endpoint.host, endpoint.port, 0);
}

std::string without_credentials(std::string_view proxy) {
  const size_t at = proxy.rfind('@');
  if (at == std::string_view::npos) return std::string(proxy);
  return "http://" + std::string(proxy.substr(at + 1));
}

bool is_exempt(const support::Url& server, std::string_view no_proxy) {
  constexpr std::string_view separators = ", \t";
  const std::string list = support::lower_case(no_proxy);
  size_t begin = 0;
  while ((begin = list.find_first_not_of(separators, begin)) != std::string::npos) {
    const size_t end = std::min(list.find_first_of(separators, begin), list.size());
    if (names(std::string_view(list).substr(begin, end - begin), server)) return true;
    begin = end;
  }
  return false;
}

std::string proxy_of_environment(const support::Url& server) {
  if (is_exempt(server, first_set({"no_proxy", "NO_PROXY"}).value)) return {};
  const Variable found = server.scheme == "https"
                             ? first_set({"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"})
                             : first_set({"http_proxy", "all_proxy", "ALL_PROXY"});
  if (found.value.empty()) return {};
  return parse_proxy(found.value, "the environment variable " + found.name);
}

}  // namespace jetpack::node
