// `jetpack installation set`: reports how the installation of this node went.
#include <jetpack/plugin.hpp>

namespace {

jetpack::Installation status_of(std::string_view status) {
  if (status == "ok") return jetpack::Installation::ok;
  if (status == "warning") return jetpack::Installation::warning;
  return status == "error" ? jetpack::Installation::error : jetpack::Installation::running;
}

int set_installation(const jetpack::Call& call) {
  jetpack::Sender sender(call);
  sender.publish(jetpack::installation_message(status_of(*call.text("STATUS")),
                                               {.message = call.text("message").value_or("")}));
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
