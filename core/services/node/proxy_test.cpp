// Proxies and no_proxy as curl reads them.
#include "services/node/proxy.hpp"

#include <doctest/doctest.h>

#include <cstdlib>

#include <jetpack/error.hpp>

using namespace jetpack::node;

namespace {

bool is_exempt_in(const char* url, const char* list) {
  return is_exempt(jetpack::support::parse_url(url, "the URL"), list);
}

std::string refusal(const char* proxy) {
  try {
    return "accepted as " + parse_proxy(proxy, "here");
  } catch (const jetpack::Error& e) {
    return e.what();
  }
}

// The proxy for `url` with these variables and no others.
std::string with_environment(const char* url,
                             std::initializer_list<std::pair<const char*, const char*>> variables) {
  const auto clear = [] {
    for (const char* name : {"http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy",
                             "ALL_PROXY", "no_proxy", "NO_PROXY"})
      ::unsetenv(name);
  };
  clear();
  for (const auto& [name, value] : variables) ::setenv(name, value, 1);
  const std::string proxy = proxy_of_environment(jetpack::support::parse_url(url, "the URL"));
  clear();
  return proxy;
}

}  // namespace

TEST_CASE("a proxy may lack its scheme and have credentials") {
  CHECK(parse_proxy("http://Proxy:3128/", "here") == "http://proxy:3128");
  CHECK(parse_proxy(" 127.0.0.1:8080 ", "here") == "http://127.0.0.1:8080");
  CHECK(parse_proxy("HTTP://proxy", "here") == "http://proxy:80");
  CHECK(parse_proxy("[::1]:3128", "here") == "http://[::1]:3128");
  CHECK(parse_proxy("http://u:p@ss@proxy:1", "here") == "http://u:p%40ss@proxy:1");
  CHECK(parse_proxy("u%40d:p%25@proxy:1", "here") == "http://u%40d:p%25@proxy:1");
  CHECK(parse_proxy("user@proxy:1", "here") == "http://user:@proxy:1");
  CHECK(without_credentials("http://u:p%40ss@proxy:1") == "http://proxy:1");
  CHECK(without_credentials("http://proxy:1") == "http://proxy:1");
}

TEST_CASE("a proxy that is not supported is named without its password") {
  for (const char* proxy : {"socks5://u:hunter2@proxy:1", "http://u:hunter2@pr oxy", "u:hunter2@",
                            "http://u:hunter2@proxy:0"}) {
    CHECK_MESSAGE(refusal(proxy).starts_with("the proxy's address in here "), refusal(proxy));
    CHECK(refusal(proxy).find("hunter2") == std::string::npos);
  }
}

TEST_CASE("no_proxy names hosts, domains, addresses, networks and ports") {
  for (const char* list : {"*", "127.0.0.0/8", "127.0.0.1", "127.0.0.1:9443", "a, 127.0.0.1",
                           "localhost 127.0.0.1", "a\t127.0.0.1,", ",,127.0.0.1"})
    CHECK_MESSAGE(is_exempt_in("https://127.0.0.1:9443", list), list);
  for (const char* list : {"", "127.0.0.1:443", "127.0.0.0/32", "10.0.0.0/8", "0.0.1", "::1",
                           "127.0.0.0/33", "127.0.0.0/x", "::/0"})
    CHECK_MESSAGE(!is_exempt_in("https://127.0.0.1:9443", list), list);
  for (const char* list : {"::1", "[::1]", "[::1]:9443", "::/0", "0:0:0:0:0:0:0:1", "[::]/64"})
    CHECK_MESSAGE(is_exempt_in("https://[::1]:9443", list), list);
  CHECK_FALSE(is_exempt_in("https://[fd00::1]:9443", "fc00::/8"));
  CHECK(is_exempt_in("https://[fd00::1]:9443", "fc00::/7"));
  for (const char* list : {"LOCALHOST", "localhost.", "localhost:9443", ".localhost"})
    CHECK_MESSAGE(is_exempt_in("https://localhost:9443", list), list);
  for (const char* list :
       {"example.com", ".example.com", "*.example.com", "EXAMPLE.com.", "host.example.com"})
    CHECK_MESSAGE(is_exempt_in("https://host.example.com", list), list);
  CHECK_FALSE(is_exempt_in("https://hostexample.com", "example.com"));
}

TEST_CASE("the environment is read as curl reads it") {
  const char* url = "https://server:9443";
  CHECK(with_environment(url, {}).empty());
  CHECK(with_environment(url, {{"https_proxy", "p:1"}, {"HTTPS_PROXY", "q:2"}}) == "http://p:1");
  CHECK(with_environment(url, {{"https_proxy", ""}, {"HTTPS_PROXY", "q:2"}}) == "http://q:2");
  CHECK(with_environment(url, {{"ALL_PROXY", "p:1"}}) == "http://p:1");
  CHECK(with_environment(url, {{"all_proxy", "p:1"}, {"NO_PROXY", "SERVER"}}).empty());
  CHECK(with_environment("http://server", {{"http_proxy", "p:1"}}) == "http://p:1");
  CHECK(with_environment("http://server", {{"HTTP_PROXY", "p:1"}}).empty());
}
