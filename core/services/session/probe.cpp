// Whether the server and the broker can be used, for `jetpack initialize` and `jetpack doctor`.
#include "services/node/proxy.hpp"
#include "services/session/broker.hpp"
#include "services/session/module_file.hpp"
#include "services/session/session.hpp"
#include "support/json_writer.hpp"

namespace jetpack::session {

namespace {

using std::chrono::milliseconds;

constexpr uint64_t max_answer = 16 << 20;

// The difference of the two clocks. A Date has whole seconds and was written while the exchange went
// on: what that explains is no difference.
int64_t skew_of(std::chrono::sys_seconds theirs, std::chrono::system_clock::time_point before,
                std::chrono::system_clock::time_point after) {
  using std::chrono::floor, std::chrono::seconds;
  if (theirs < floor<seconds>(before)) return (theirs - floor<seconds>(before)).count();
  if (theirs > floor<seconds>(after)) return (theirs - floor<seconds>(after)).count();
  return 0;
}

}  // namespace

std::string Session::probe(uint32_t channel, int64_t timeout_ms) const {
  const milliseconds timeout = bounded(timeout_ms);
  return channel == JP_TO_BROKER ? probe_broker(timeout) : probe_server(timeout);
}

std::string Session::probe_server(milliseconds timeout) const {
  const node::Server server = settings().server();
  const bool has_userdata = settings().fact("userdata").has_value();
  const std::string path = "/clusterlink/userdata/" + (has_userdata ? identity("userdata") : "");
  const auto client = connect(server);
  return support::json_object([&](support::Object& json) {
    json.text("address", server.url).boolean("verified", server.verify);
    if (!server.proxy.empty()) json.text("proxy", node::without_credentials(server.proxy));
    const auto start = std::chrono::system_clock::now();
    try {
      Request request;
      request.method = "GET";
      request.path = path;
      request.timeout = timeout;
      request.max_reply = max_answer;
      const Response response = client->exchange(request);
      json.number("status", response.status);
      if (response.date != 0)
        json.number("clock_skew_seconds",
                    skew_of(std::chrono::sys_seconds(std::chrono::seconds(response.date)), start,
                            std::chrono::system_clock::now()));
    } catch (const Error& e) {
      const std::string problem = client->problem();
      const char* otherwise = e.code() == Errc::corrupt ? "ca-file-invalid" : "server-no-answer";
      json.text("problem", problem.empty() ? otherwise : problem).text("error", e.what());
    }
  });
}

std::string Session::probe_broker(milliseconds timeout) const {
  const node::BrokerAddress address = settings().broker();
  return support::json_object([&](support::Object& json) {
    json.text("address", address.text()).boolean("verified", address.verify);
    try {
      // Nothing is published, but everything before that is done.
      load_broker(own_directory() + "/amqp.so", address)->publish({}, timeout);
    } catch (const Error& e) {
      json.text("problem", e.code() == Errc::denied ? "broker-denied" : "broker-unreachable")
          .text("error", e.what());
    }
  });
}

}  // namespace jetpack::session
