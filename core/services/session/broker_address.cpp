// Reads a broker's address, and writes it without the password.
#include <optional>

#include <jetpack/error.hpp>
#include "services/session/broker.hpp"
#include "services/session/url.hpp"
#include "support/json_file.hpp"

namespace jetpack::session {

namespace {

constexpr unsigned tls_port = 5671;
constexpr unsigned plain_port = 5672;

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// nullopt when it is not percent-encoded text.
std::optional<std::string> percent_decoded(std::string_view text) {
  std::string result;
  for (size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '%') {
      const int high = i + 2 < text.size() ? hex_digit(text[i + 1]) : -1;
      const int low = i + 2 < text.size() ? hex_digit(text[i + 2]) : -1;
      if (high < 0 || low < 0) return std::nullopt;
      c = static_cast<char>(high * 16 + low);
      i += 2;
    }
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) return std::nullopt;
    result += c;
  }
  if (!is_utf8(result) || result.size() > max_short_string) return std::nullopt;
  return result;
}

// The inverse, for texts to people.
std::string percent_encoded(const std::string& text) {
  constexpr std::string_view plain =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
  constexpr char hex[] = "0123456789ABCDEF";
  std::string result;
  for (const char c : text) {
    if (plain.find(c) != std::string_view::npos) {
      result += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      result += {'%', hex[byte >> 4], hex[byte & 15]};
    }
  }
  return result;
}

}  // namespace

std::string BrokerAddress::text() const {
  return std::string(is_tls ? "amqps://" : "amqp://") + percent_encoded(username) + '@' +
         authority_text(host, port, is_tls ? tls_port : plain_port) + '/' + percent_encoded(vhost);
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
  const auto username = percent_decoded(user.substr(0, colon));
  const auto password = percent_decoded(user.substr(colon + 1));
  if (!username || username->empty() || !password) fail("has an invalid user name or password");
  const auto decoded = vhost.empty() ? std::optional<std::string>("/") : percent_decoded(vhost);
  if (!decoded || vhost.find('/') != std::string_view::npos) fail("has an invalid vhost");
  address.username = *username;
  address.password = *password;
  address.vhost = *decoded;

  Endpoint endpoint =
      parse_endpoint(rest.substr(at + 1), address.is_tls ? tls_port : plain_port, fail);
  address.host = std::move(endpoint.host);
  address.port = endpoint.port;
  return address;
}

}  // namespace jetpack::session
