// Parses and normalizes the addresses of servers: http and https URLs, hosts and ports.
#include "support/url.hpp"

#include <algorithm>
#include <charconv>

#include <jetpack/error.hpp>
#include "support/text.hpp"

namespace jetpack::support {

namespace {

unsigned default_port(std::string_view scheme) { return scheme == "https" ? 443 : 80; }

bool is_host_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_';
}

bool is_address_char(char c) {
  return (c >= 'a' && c <= 'f') || (c >= '0' && c <= '9') || c == ':' || c == '.';
}

bool is_path_char(char c) { return c > ' ' && c < '\x7f' && c != '"' && c != '<' && c != '>'; }

struct Authority {
  std::string host;
  std::string_view port;  // with its ':', or empty
};

Authority split_authority(std::string_view text) {
  if (!text.starts_with('[')) {
    const size_t colon = std::min(text.find(':'), text.size());
    return {lower_case(text.substr(0, colon)), text.substr(colon)};
  }
  const size_t end = text.find(']');
  if (end == std::string_view::npos) return {};
  return {lower_case(text.substr(1, end - 1)), text.substr(end + 1)};
}

}  // namespace

bool is_loopback(std::string_view host) {
  const bool is_dotted_quad = host.find_first_not_of("0123456789.") == std::string_view::npos;
  return host == "localhost" || host == "::1" || (is_dotted_quad && host.starts_with("127."));
}

std::string authority_text(const std::string& host, unsigned port, unsigned default_port) {
  std::string text = host.find(':') == std::string::npos ? host : '[' + host + ']';
  if (port != default_port) text += ':' + std::to_string(port);
  return text;
}

Endpoint parse_endpoint(std::string_view text, unsigned default_port,
                        const std::function<void(const std::string& what)>& fail) {
  const Authority parts = split_authority(text);
  const bool is_address = text.starts_with('[');
  Endpoint endpoint{parts.host, default_port};
  if (endpoint.host.empty() || endpoint.host.size() > 255 ||
      !std::all_of(endpoint.host.begin(), endpoint.host.end(),
                   is_address ? is_address_char : is_host_char))
    fail("has an invalid host");
  if (parts.port.empty()) return endpoint;
  const char* end = parts.port.data() + parts.port.size();
  const auto [stop, error] = std::from_chars(parts.port.data() + 1, end, endpoint.port);
  if (parts.port[0] != ':' || error != std::errc{} || stop != end || endpoint.port == 0 ||
      endpoint.port > 65535)
    fail("has an invalid port");
  return endpoint;
}

std::string Url::authority() const { return authority_text(host, port, default_port(scheme)); }

std::string Url::text() const { return scheme + "://" + authority() + path; }

Url parse_url(std::string_view text, const std::string& what) {
  const auto fail = [&](const std::string& problem) {
    throw Error(Errc::corrupt, what + ' ' + problem + "; expected https://HOST[:PORT][/PATH]");
  };
  const size_t mark = text.find("://");
  if (mark == std::string_view::npos) fail("is not a URL");
  Url url;
  url.scheme = lower_case(text.substr(0, mark));
  if (url.scheme != "https" && url.scheme != "http") fail("is neither https nor http");
  std::string_view rest = text.substr(mark + 3);
  const size_t slash = std::min(rest.find('/'), rest.size());
  const std::string_view authority = rest.substr(0, slash);
  std::string_view path = rest.substr(slash);
  while (path.ends_with('/')) path.remove_suffix(1);

  if (authority.find('@') != std::string_view::npos)
    fail("holds a user name or password, which belong in keys of their own");
  if (path.find_first_of("?#") != std::string_view::npos) fail("has a query or fragment");
  if (!std::all_of(path.begin(), path.end(), is_path_char)) fail("has an invalid path");
  url.path = path;

  Endpoint endpoint = parse_endpoint(authority, default_port(url.scheme), fail);
  url.host = std::move(endpoint.host);
  url.port = endpoint.port;
  return url;
}

}  // namespace jetpack::support
