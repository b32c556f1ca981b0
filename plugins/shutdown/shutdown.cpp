// `jetpack shutdown`: asks the cluster to terminate this node.
#include <jetpack/plugin.hpp>
#include "support/shutdown_request.hpp"

namespace {

namespace support = jetpack::support;
using jetpack::Errc;
using jetpack::Error;

std::string reason_of(const jetpack::Call& call) {
  if (call.flag("idle") && call.flag("unhealthy"))
    throw Error(Errc::usage, "--idle cannot be combined with --unhealthy");
  return call.flag("idle") ? "idle" : call.flag("unhealthy") ? "unhealthy" : "";
}

int shutdown_node(const jetpack::Call& call) {
  const std::string reason = reason_of(call);
  const auto session = call.service<jetpack::Session>();
  const std::string cluster = session.require("cluster");
  const std::string node = session.require("node");
  const std::string action = call.flag("deallocate") ? "deallocate" : "terminate";
  const std::string path = support::shutdown_path(cluster, action);
  const std::string body = support::shutdown_body(node, reason);
  call.service<jetpack::Log>().info("asking the cluster to " + action + " this node" +
                                    (reason.empty() ? "" : ": it is " + reason));
  jetpack::Letter letter;
  letter.address = path;
  letter.body = body;
  jetpack::Sender sender(call);
  sender.send(letter);
  support::note_shutdown(call.service<jetpack::Config>(), action, reason);
  return sender.finish();
}

}  // namespace

JETPACK_PLUGIN(
    "jetpack.shutdown", "1.0.0", jetpack::needs<jetpack::Session, jetpack::Log>(),
    jetpack::command(
        "shutdown", "Request the shutdown of this node by the cluster", shutdown_node,
        jetpack::flag("idle", "Report that the node is idle"),
        jetpack::flag("unhealthy", "Report that the node is unhealthy"),
        jetpack::flag("deallocate",
                      "Deallocate the node instead: its disks stay, and it can be started again"),
        jetpack::wait_option(), jetpack::flag("json", "Print JSON"),
        jetpack::description(
            "The server shuts the node down, not this command. The request is queued durably: exit "
            "code 0 means delivered or safely queued, and standard error says which."),
        jetpack::example("jetpack shutdown --unhealthy", "Terminate an unhealthy node"),
        jetpack::example("jetpack shutdown --idle --deallocate", "Deallocate an idle node"),
        jetpack::example("jetpack shutdown --wait 30s",
                         "Fail unless the request is delivered within 30 s")));
