// jetpackd: the daemon that delivers what the node has to say and keeps what it is told.
#include <jetpack/plugin.hpp>
#include "jetpackd/daemon.hpp"

namespace {

using jetpack::Errc;
using jetpack::Error;

int jetpackd_command(const jetpack::Call& call) {
  jetpack::jetpackd::DaemonOptions options;
  options.root = call.text("root").value_or("");
  options.once = call.flag("once");
  if (!options.root.empty() && !options.root.starts_with('/'))
    throw Error(Errc::usage, "--root must be an absolute path: " + options.root);
  if (options.once && call.flag("foreground"))
    throw Error(Errc::usage, "--once and --foreground exclude each other");
  return jetpack::jetpackd::run_daemon(call, options);
}

}  // namespace

JETPACK_PLUGIN(
    "jetpack.jetpackd", "1.0.0",
    jetpack::needs<jetpack::Session, jetpack::Config, jetpack::Process>(),
    jetpack::command(
        "jetpackd", "The daemon: delivers messages, keeps configuration and users",
        jetpackd_command, jetpack::flag("foreground", "Stay in the foreground; it always does"),
        jetpack::flag("once", "Deliver what waits, fetch once, and end"),
        jetpack::option("root", "DIR", "manage the users of the system below this folder"),
        jetpack::description(
            "Runs until SIGTERM, and then ends within five seconds. It delivers what the other "
            "commands queue, within 50 ms and in order; fetches what the server says of this node "
            "every cyclecloud.jetpack.userdata_interval seconds (60) into "
            "config/configuration.json, properties.json and auth.json; and makes and closes the "
            "accounts of the users. SIGHUP makes it try at once.\n\n"
            "One runs at a time: run/jetpackd.lock. It serves /status, /healthz and /metrics "
            "(Prometheus) on 127.0.0.1, port cyclecloud.jetpack.http_port (9080; 0 turns it off), "
            "and writes logs/jetpackd.log."),
        jetpack::example("systemctl start jetpackd", "As a service: share/jetpack/systemd"),
        jetpack::example("jetpackd --once", "One pass, in a script")));
