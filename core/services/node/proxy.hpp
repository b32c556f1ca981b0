// The proxy on the way to a server: http://[USER:PASSWORD@]HOST:PORT, the credentials
// percent-encoded.
#pragma once

#include <string>
#include <string_view>

#include "support/url.hpp"

namespace jetpack::node {

// Reads an address as curl takes it: the scheme may be missing, and HOST:PORT alone will do. Throws
// Errc::corrupt, naming `where` the text stands, and never repeats what could hold a password.
std::string parse_proxy(std::string_view text, const std::string& where);

// A parsed proxy as people may see it: without its credentials.
std::string without_credentials(std::string_view proxy);

// Whether no_proxy names the server: entries are separated by commas or blanks, and each is "*", a
// host, a domain with or without a leading dot, an address or a network in CIDR notation, all but
// the networks with or without a port.
bool is_exempt(const support::Url& server, std::string_view no_proxy);

// What the environment variables say, as curl reads them: SCHEME_proxy, then all_proxy, both in
// capitals too except for http_proxy, which a CGI request could set; no_proxy. Empty: none.
std::string proxy_of_environment(const support::Url& server);

}  // namespace jetpack::node
