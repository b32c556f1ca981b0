// A broker's address as it is configured.
#include "services/node/addresses.hpp"

#include <doctest/doctest.h>

#include <jetpack/error.hpp>

using jetpack::node::parse_broker_address;

namespace {

std::string problem_of(const std::string& text) {
  try {
    static_cast<void>(parse_broker_address(text, "jetpack.ini"));
    return "";
  } catch (const jetpack::Error& e) {
    return e.what();
  }
}

}  // namespace

TEST_CASE("a broker's address has its parts, decoded") {
  const auto address = parse_broker_address("amqps://us%40er:p%3A%2Fw@Broker:5999/my%2Fhost", "x");
  CHECK(address.is_tls);
  CHECK(address.username == "us@er");
  CHECK(address.password == "p:/w");
  CHECK(address.host == "broker");
  CHECK(address.port == 5999);
  CHECK(address.vhost == "my/host");
  CHECK(address.text() == "amqps://us%40er@broker:5999/my%2Fhost");
}

TEST_CASE("ports and vhost have defaults") {
  CHECK(parse_broker_address("amqps://u:p@h", "x").port == 5671);
  CHECK(parse_broker_address("amqp://u:p@h/", "x").port == 5672);
  CHECK(parse_broker_address("amqp://u:p@h", "x").vhost == "/");
  CHECK(parse_broker_address("amqp://u:p@h/", "x").vhost == "/");
  CHECK(parse_broker_address("amqp://u:p@[::1]:7/v", "x").host == "::1");
  CHECK_FALSE(parse_broker_address("amqp://u:p@h/v", "x").is_tls);
}

TEST_CASE("what is wrong is said without the password") {
  for (const auto& [text, what] : std::initializer_list<std::pair<const char*, const char*>>{
           {"https://u:secret@h", "is neither amqps nor amqp"},
           {"amqps://h/v", "has no user name"},
           {"amqps://secret@h/v", "has no password"},
           {"amqps://:secret@h/v", "has an invalid user name or password"},
           {"amqps://u:secret%zz@h/v", "has an invalid user name or password"},
           {"amqps://u:secret%0a@h/v", "has an invalid user name or password"},
           {"amqps://u:secret@h/a/b", "has an invalid vhost"},
           {"amqps://u:secret@h:0/v", "has an invalid port"},
           {"amqps://u:secret@h:99999/v", "has an invalid port"},
           {"amqps://u:secret@/v", "has an invalid host"},
           {"amqps://u:secret@h/v?x=1", "has a query"}}) {
    CHECK(problem_of(text).find(what) != std::string::npos);
    CHECK(problem_of(text).find("jetpack.ini") != std::string::npos);
    CHECK(problem_of(text).find("secret") == std::string::npos);
  }
}
