// Reads a broker's address, and writes it without the password.
#include <algorithm>
#include <optional>

#include <jetpack/error.hpp>
#include "services/node/addresses.hpp"
#include "support/encoding.hpp"
#include "support/json.hpp"
#include "support/url.hpp"
#include "support/utf8.hpp"

namespace jetpack::node {

namespace {

constexpr unsigned tls_port = 5671;
constexpr unsigned plain_port = 5672;

// nullopt when it is not percent-encoded text that AMQP accepts.
std::optional<std::string> decoded_part(std::string_view text) {
  auto part = support::percent_decoded(text);
  if (!part || part->size() > max_short_string || !support::is_utf8(*part)) return std::nullopt;
  const auto is_control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; };
  if (std::any_of(part->begin(), part->end(), is_control)) return std::nullopt;
  return part;
}

}  // namespace

std::string BrokerAddress::text() const {
  return std::string(is_tls ? "amqps://" : "amqp://") + support::percent_encoded(username) + '@' +
         support::authority_text(host, port, is_tls ? tls_port : plain_port) + '/' +
         support::percent_encoded(vhost);
}

BrokerAddress parse_broker_address(std::string_view text, const std::string& where) {
  const auto fail = [&](const std::string& what) {
    throw Error(Errc::corrupt, "the broker's address in " + where + " " + what +
                                   "; expected amqps://USER:PASSWORD@HOST[:PORT][/VHOST], with "
                                   "each part percent-encoded");
  };
  BrokerAddress address;
  address.is_tls = text.starts_with("amqps://");
  if (!address.is_tls && !text.starts_with("amqp://")) fail("is neither amqps nor amqp");
  std::string_view rest = text.substr(address.is_tls ? 8 : 7);
  if (rest.find_first_of("?#") != std::string_view::npos) fail("has a query or fragment");
  const size_t slash = std::min(rest.find('/'), rest.size());
  std::string_view vhost = rest.substr(slash);
  rest = rest.substr(0, slash);
  if (vhost.starts_with('/')) vhost.remove_prefix(1);

  const size_t at = rest.rfind('@');
  if (at == std::string_view::npos) fail("has no user name");
  const std::string_view user = rest.substr(0, at);
  const size_t colon = user.find(':');
  if (colon == std::string_view::npos) fail("has no password");
  const auto username = decoded_part(user.substr(0, colon));
  const auto password = decoded_part(user.substr(colon + 1));
  if (!username || username->empty() || !password) fail("has an invalid user name or password");
  const auto decoded = vhost.empty() ? std::optional<std::string>("/") : decoded_part(vhost);
  if (!decoded || vhost.find('/') != std::string_view::npos) fail("has an invalid vhost");
  address.username = *username;
  address.password = *password;
  address.vhost = *decoded;

  support::Endpoint endpoint =
      support::parse_endpoint(rest.substr(at + 1), address.is_tls ? tls_port : plain_port, fail);
  address.host = std::move(endpoint.host);
  address.port = endpoint.port;
  return address;
}

}  // namespace jetpack::node
