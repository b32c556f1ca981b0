// `jetpack publish TYPE DATA`: publishes messages of any type, for tests; a plugin as any author's.
#include <jetpack/plugin.hpp>

#include <chrono>
#include <string>

namespace {

int run(const jetpack::Call& call) {
  const auto session = call.service<jetpack::Session>();
  for (int64_t left = *call.integer("times"); left > 0; --left)
    session.publish(*call.text("TYPE"), *call.text("DATA"), std::chrono::milliseconds{0});
  return 0;
}

}  // namespace

JETPACK_PLUGIN(
    "test.publish", "1.0.0", jetpack::needs<jetpack::Session>(),
    jetpack::command(
        "publish", "Publish a message", run, jetpack::argument("TYPE", "The message's type"),
        jetpack::argument("DATA", "Its data, JSON"),
        jetpack::option("times", "COUNT", "How many times").integer(1, 1000000).fallback("1")));
