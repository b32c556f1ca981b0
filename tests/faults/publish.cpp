// `jetpack publish TYPE DATA`: publishes a message of any type, for tests; a plugin as any author's.
#include <jetpack/plugin.hpp>

#include <string>

namespace {

int run(const jetpack::Call& call) {
  const auto session = call.service<jetpack::Session>();
  const auto receipt = session.publish(*call.text("TYPE"), *call.text("DATA"));
  call.report(receipt.delivered ? "delivered\n" : "queued: " + receipt.note + "\n");
  return 0;
}

}  // namespace

JETPACK_PLUGIN("test.publish", "1.0.0", jetpack::needs<jetpack::Session>(),
               jetpack::command("publish", "Publish a message", run,
                                jetpack::argument("TYPE", "The message's type"),
                                jetpack::argument("DATA", "Its data, JSON")));
