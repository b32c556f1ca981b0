// Tests of which server addresses are accepted, and that errors do not repeat a secret.
#include "support/url.hpp"

#include <doctest/doctest.h>

#include <jetpack/error.hpp>

using jetpack::support::parse_url;

namespace {

std::string normal(std::string_view text) {
  return parse_url(text, "the server's address in here").text();
}

std::string rejection(std::string_view text) {
  try {
    return "accepted as " + normal(text);
  } catch (const jetpack::Error& e) {
    return e.what();
  }
}

}  // namespace

TEST_CASE("addresses are normalized") {
  CHECK(normal("https://Host.Example:9443/ctx///") == "https://host.example:9443/ctx");
  CHECK(normal("https://10.0.0.1:443") == "https://10.0.0.1");
  CHECK(normal("http://[::1]:80/") == "http://[::1]");
  CHECK(normal("https://[fe80::1]:9443") == "https://[fe80::1]:9443");
}

TEST_CASE("invalid addresses are rejected") {
  for (const auto* text : {"", "host", "ftp://host", "https://", "https://:9443", "https://host:0",
                           "https://host:65536", "https://host:9x", "https://host:",
                           "https://ho st", "https://host/a?b=c", "https://host/#x", "https://[::1",
                           "https://[::1]x", "https://host\r\nX: y", "https://host/\n"})
    CHECK_MESSAGE(rejection(text).starts_with("the server's address in here"), text);
}

TEST_CASE("a password in an address is rejected and not shown") {
  const auto text = rejection("https://user:hunter2@host:9443");
  CHECK(text.find("password") != std::string::npos);
  CHECK(text.find("hunter2") == std::string::npos);
}

TEST_CASE("loopback addresses are distinguished from similar names") {
  for (const auto* text :
       {"http://127.0.0.1:80", "http://127.9.9.9", "http://localhost", "http://[::1]"})
    CHECK(parse_url(text, "the server's address in here").is_loopback());
  for (const auto* text :
       {"http://127.evil.example", "http://10.0.0.1", "http://localhost.evil.example"})
    CHECK_FALSE(parse_url(text, "the server's address in here").is_loopback());
}
