// Parses and normalizes the addresses of servers: http and https URLs, hosts and ports.
#pragma once

#include <functional>
#include <string>
#include <string_view>

namespace jetpack::support {

// 127.0.0.0/8, ::1 or localhost.
bool is_loopback(std::string_view host);

struct Endpoint {
  std::string host;  // lower case; an IPv6 address without brackets
  unsigned port = 0;
};

// Reads HOST[:PORT]. `fail` is called with what is wrong ("has an invalid port") and throws.
Endpoint parse_endpoint(std::string_view text, unsigned default_port,
                        const std::function<void(const std::string& what)>& fail);

// "host:5671" or "[::1]:5671"; without the port where it is the default.
std::string authority_text(const std::string& host, unsigned port, unsigned default_port);

struct Url {
  std::string scheme;  // "https" or "http"
  std::string host;    // lower case; an IPv6 address without brackets
  unsigned port = 0;
  std::string path;  // "" or "/ctx", no trailing slash

  // "https://host:9443/ctx". A port that is the scheme's own is left out.
  std::string text() const;
  std::string authority() const;
  bool is_loopback() const { return support::is_loopback(host); }
};

// Throws Errc::corrupt; `what` begins the text: "the server's address in FILE". Rejects other
// schemes, user information, queries and fragments, and never repeats what could hold a password.
Url parse_url(std::string_view text, const std::string& what);

}  // namespace jetpack::support
