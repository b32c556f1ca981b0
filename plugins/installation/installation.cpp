// `jetpack installation set`: reports how the installation of this node went.
#include <jetpack/plugin.hpp>
#include "support/json_writer.hpp"
#include "support/utf8.hpp"

namespace {

namespace support = jetpack::support;

constexpr size_t max_message = 64 << 10;

int set_installation(const jetpack::Call& call) {
  const std::string message =
      support::cut(support::well_formed(call.text("message").value_or("")), max_message);
  const std::string data = support::json_object([&](support::Object& report) {
    report.text("status", *call.text("STATUS"));
    if (!message.empty()) report.text("message", message);
  });
  jetpack::Sender sender(call);
  sender.publish("installation", data);
  return sender.finish();
}

}  // namespace

JETPACK_PLUGIN(
    "jetpack.installation", "1.0.0", jetpack::needs<jetpack::Session>(),
    jetpack::command(
        "installation set", "Report the status of this node's installation", set_installation,
        jetpack::argument("STATUS", "Status of the installation")
            .choices("ok", "warning", "error", "running"),
        jetpack::option("message", 'm', "TEXT", "One-line summary of the problem"),
        jetpack::wait_option(), jetpack::flag("json", "Print JSON"),
        jetpack::description(
            "Reports the status to the cluster, which takes this node's host name and address from "
            "the same message. ok and warning make the node ready, error marks it failed, and "
            "running makes the cluster wait for its end. 'jetpack converge' and jetpackd report "
            "the status themselves; this is for installers that run in their place. Exit code 0 "
            "means delivered or safely queued, and standard error says which."),
        jetpack::example("jetpack installation set warning",
                         "Report that the node is ready, with problems"),
        jetpack::example("jetpack installation set error -m 'the scheduler did not start'",
                         "Report that the installation failed")));
