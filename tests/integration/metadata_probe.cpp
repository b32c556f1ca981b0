// `jetpack metadata METHOD PATH`: asks the metadata service, for tests; a plugin as any author's.
#include <jetpack/plugin.hpp>

#include <chrono>
#include <string>

namespace {

int run(const jetpack::Call& call) {
  const auto session = call.service<jetpack::Session>();
  jetpack::Request request;
  const std::string method(*call.text("METHOD")), path(*call.text("PATH"));
  const std::string body(call.text("body").value_or(""));
  request.method = method;
  request.path = path;
  request.body = body;
  request.timeout = std::chrono::milliseconds{2000};
  request.max_reply = 1000;
  for (int64_t left = *call.integer("times"); left > 0; --left) {
    const auto reply = session.metadata(request);
    call.print(std::to_string(reply.status) + ' ' + reply.body + '\n');
  }
  return 0;
}

}  // namespace

JETPACK_PLUGIN(
    "test.metadata", "1.0.0", jetpack::needs<jetpack::Session>(),
    jetpack::command(
        "metadata", "Ask the metadata service", run, jetpack::argument("METHOD", "The method"),
        jetpack::argument("PATH", "The path, with its query"),
        jetpack::option("body", "JSON", "The body"),
        jetpack::option("times", "COUNT", "How many times").integer(1, 1000).fallback("1")));
