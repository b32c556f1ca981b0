// `jetpackd`: the node's daemon, which delivers messages and applies configuration and users.
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
    throw Error(Errc::usage, "--once cannot be combined with --foreground");
  return jetpack::jetpackd::run_daemon(call, options);
}

}  // namespace

JETPACK_PLUGIN(
    "jetpack.jetpackd", "1.0.0",
    jetpack::needs<jetpack::Session, jetpack::Config, jetpack::Process>(),
    jetpack::command(
        "jetpackd", "Run the daemon that delivers messages and applies configuration and users",
        jetpackd_command, jetpack::flag("foreground", "Stay in the foreground (always the case)"),
        jetpack::flag("once", "Deliver queued messages, fetch once, and exit"),
        jetpack::option("root", "DIR", "Manage the users of the system installed below DIR"),
        jetpack::description(
            "Delivers the messages that other commands queue, in order and within 50 ms. Every "
            "cyclecloud.jetpack.userdata_interval seconds (60 by default), fetches this node's "
            "userdata from the server into config/configuration.json, properties.json and "
            "auth.json, and creates, updates and locks user accounts accordingly. The whole "
            "configuration is in config/node.json. When the cloud gives notice that it is about to "
            "preempt, terminate, restart or freeze this node, runs "
            "scripts/on{Preempt,Terminate,Reboot,Redeploy,Freeze}.sh, on Terminate also the "
            "scripts of 'jetpack run_on_shutdown', and tells the cloud to go ahead when they have "
            "succeeded; cyclecloud.monitor_scheduled_events=false turns this off.\n\n"
            "SIGHUP delivers and fetches at once; SIGTERM stops the daemon within five seconds. "
            "Only one instance can run at a time (run/jetpackd.lock). It serves /status, /healthz "
            "and /metrics (Prometheus) on 127.0.0.1, port cyclecloud.jetpack.http_port (9080 by "
            "default; 0 disables it), and logs to logs/jetpackd.log."),
        jetpack::example("systemctl start jetpackd",
                         "Start the service (unit file in share/jetpack/systemd)"),
        jetpack::example("jetpackd --once", "Deliver and fetch once, in a script")));
