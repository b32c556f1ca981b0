// The table of all files of a node.
#include "support/home_files.hpp"

#include <string_view>

namespace jetpack::support {

namespace {

constexpr HomeFile mark_editable(HomeFile file) {
  file.may_be_edited = true;
  return file;
}
constexpr HomeFile mark_secret(HomeFile file) {
  file.is_secret = true;
  return file;
}
constexpr HomeFile mark_needed(HomeFile file) {
  file.is_needed = true;
  return file;
}
constexpr HomeFile mark_shared(HomeFile file) {
  file.is_shared = true;
  return mark_needed(file);
}

constexpr HomeFile all_files[] = {
    mark_needed({"", 0750, "directory", "installation", "The home tree"}),
    {"bin/jetpack", 0755, "program", "installation", "The command"},
    {"bin/jetpackd", 0, "link", "installation", "The daemon: jetpack by another name"},
    {"bin/healthcheck", 0, "link", "installation", "The health checks: jetpack by another name"},

    mark_needed({"config", 02750, "directory", "installation", "Configuration"}),
    mark_editable(mark_secret({"config/connection.json", 0640, "JSON", "administrator, hub enroll",
                               "Address of the server, name of the cluster, the node's account"})),
    mark_editable(
        mark_secret({"config/jetpack.ini", 0640, "INI", "administrator, hub enroll",
                     "The same, and the settings that help settings lists as [SECTION] KEY"})),
    mark_secret({"config/join.json", 0600, "JSON", "join",
                 "What this machine asks a hub for, until the hub has answered"}),
    mark_editable({"config/plugins.ini", 0644, "INI", "administrator",
                   "Which plugins are trusted, what they may do, and their limits"}),
    mark_editable({"config/ca.pem", 0644, "PEM", "administrator, hub enroll",
                   "Certificates to trust beside the system's"}),
    mark_editable(mark_secret({"config/locker.json", 0640, "JSON", "administrator, the agent",
                               "Where the locker is, and the credential for it"})),
    mark_editable(mark_secret(
        {"config/local.json", 0640, "JSON", "administrator, the agent",
         "Configuration by hand: replaces facts, and is replaced by what the server sends"})),
    mark_editable({"config/healthcheck.d", 02750, "directory", "installation", "Health checks"}),
    mark_editable({"config/healthcheck.d/NAME", 0, "script, program", "administrator",
                   "A health check: NAME.sh, NAME.py or an executable"}),
    mark_secret({"config/node.json", 0640, "JSON", "the agent",
                 "The whole configuration, merged: what 'jetpack config --json' prints"}),
    mark_secret({"config/configuration.json", 0640, "JSON", "the agent",
                 "Configuration that the server sent"}),
    {"config/properties.json", 0640, "JSON", "the agent, props set",
     "Properties of the node: use 'jetpack props'"},
    {"config/properties.base.json", 0640, "JSON", "the agent",
     "Properties as they were merged with the server's last"},
    mark_secret(
        {"config/facts.json", 0640, "JSON", "the agent", "What the agent knows of its node"}),
    {"config/attributes.json", 0640, "JSON", "the agent", "What ohai found, where it is used"},
    {"config/auth.json", 0640, "JSON", "the agent", "Users that the cluster manages"},
    {"config/userdata.json", 0640, "JSON", "the agent",
     "Version of the server's answer that was applied last"},
    {"config/converge.json", 0640, "JSON", "converge", "The last runs: 'jetpack converge history'"},
    {"config/cluster-init.jsonl", 0600, "JSON lines", "converge",
     "Scripts that have succeeded on this instance"},
    {"config/run_on_shutdown.json", 0644, "JSON", "run_on_shutdown",
     "Scripts to run before the node is terminated"},
    {"config/scheduled_events.json", 0600, "JSON", "jetpackd",
     "Scheduled events of the cloud, and what was done"},
    {"config/service.d", 02750, "directory", "installation",
     "Service registrations of an older Jetpack; not read"},
    {"config/service.d/NAME.json", 0, "JSON", "schedulers' scripts", "One of them"},
    {"config/.NAME.lock", 0600, "lock", "the agent", "Held while the file of that name is written"},

    mark_shared({"logs", 02770, "directory", "installation", "Logs"}),
    {"logs/jetpack.log", 0660, "log", "all commands", "What commands did, warnings and errors"},
    {"logs/jetpackd.log", 0660, "log", "jetpackd", "What the daemon did"},
    {"logs/initialize.log", 0660, "log", "initialize, jetpackd",
     "The steps of initialize; each fetch that changed the configuration"},
    {"logs/healthcheck.log", 0660, "log", "healthcheck",
     "Changes of the health checks, and requests to terminate the node"},
    {"logs/installation.log", 0640, "text", "installation", "What install.sh or the package did"},
    {"logs/chef-client.log", 0640, "text", "converge", "Output of Chef"},
    {"logs/cluster-init/PROJECT/SPEC/STAGE/NAME.out", 0640, "text", "converge",
     "Output of a project's script, byte for byte"},
    {"logs/NAME.log.1", 0, "log", "the agent", "The lines before, moved at 8 MiB"},

    mark_shared(
        {"run", 02770, "directory", "installation", "State that commands and daemons share"}),
    {"run/outbox.db", 0660, "SQLite", "the agent", "Messages to deliver: use 'jetpack outbox'"},
    {"run/outbox.db-wal", 0660, "SQLite", "the agent", "Its log: part of the database"},
    {"run/outbox.db-shm", 0660, "SQLite", "the agent", "Its index: part of the database"},
    {"run/outbox.ballast", 0660, "zeros", "the agent", "Space to work with on a full disk"},
    {"run/outbox.lock", 0660, "lock", "the agent", "Held while messages are delivered"},
    {"run/outbox.NAME.lock", 0660, "lock", "the agent",
     "Held while the database is changed as a whole"},
    {"run/checks.json", 0640, "JSON", "jetpack.checks", "Counters of the InfiniBand ports"},
    {"run/conditions.json", 0660, "JSON", "condition, healthcheck",
     "Conditions that are set: use 'jetpack condition'"},
    {"run/health.json", 0640, "JSON", "healthcheck", "Results of the health checks"},
    {"run/health.prom", 0640, "Prometheus", "healthcheck", "The same for jetpackd's /metrics"},
    {"run/healthcheck.lock", 0660, "lock", "healthcheck", "Held while the service is running"},
    {"run/jetpackd.json", 0640, "JSON", "jetpackd", "State of the daemon: use 'jetpack status'"},
    {"run/jetpackd.lock", 0660, "lock", "jetpackd", "Held while the daemon is running"},
    {"run/keepalive.json", 0660, "JSON", "keepalive", "Until when the node is kept alive"},
    {"run/shutdown.json", 0660, "JSON", "shutdown, healthcheck",
     "The last request to terminate the node"},
    mark_editable(
        {"run/scheduled_shutdown/NAME", 0, "text", "administrator",
         "A time to terminate the node: seconds since 1970, the reason on the next line"}),
    {"run/.NAME.lock", 0660, "lock", "the agent", "Held while the file of that name is written"},

    mark_editable({"scripts", 0750, "directory", "installation",
                   "Scripts for scheduled events of the cloud"}),
    mark_editable({"scripts/onEVENT.sh", 0, "script", "administrator",
                   "Run on Preempt, Terminate, Reboot, Redeploy or Freeze"}),

    {"system", 0755, "directory", "installation", "Internal files"},
    {"system/bin/cyclecloud-env.sh", 0644, "shell", "installation",
     "Puts jetpack on PATH when sourced"},
    mark_needed(mark_editable({"system/bootstrap", 0755, "directory", "installation",
                               "Working directory of installers"})),
    {"system/bootstrap/cron_wrapper.sh", 0755, "shell", "installation",
     "Runs a command with jetpack's environment"},
    {"system/chef", 0755, "directory", "installation",
     "Chef's client.rb, attributes, cache and specs"},
    {"system/chef/cache", 0755, "directory", "installation", "Chef's cache"},
    {"system/chef/cache/jetpack", 0755, "directory", "installation", "Where downloads/ is"},
    mark_editable({"system/chef/cache/jetpack/downloads", 0755, "directory", "installation",
                   "Downloads of schedulers' scripts, which they take from here if present"}),
    {"system/chef/chef-repo", 0755, "directory", "installation",
     "Merged from the specs by converge"},
    {"system/chef/chef-repo/cookbooks", 0755, "directory", "installation",
     "Cookbooks of the specs"},
    {"system/chef/...", 0, "various", "converge", "Files of Chef"},
    {"system/embedded/...", 0, "various", "installation",
     "bin/python, python3 and pip: the system's Python with the module jetpack"},
    {"system/install/...", 0, "various", "installation",
     "install.sh, and lists of what is installed"},
    {"system/original-TIME/...", 0, "various", "installation",
     "Programs of the original Jetpack, moved aside by --replace"},

    {"include/...", 0, "C++", "installation", "The SDK"},
    {"lib/...", 0, "various", "installation", "Built-in plugins, services, the Python module"},
    {"share/...", 0, "various", "installation", "Man pages, units, completion, licences"},
    {"plugins/commands.index", 0644, "text", "the agent",
     "Which plugin has which command, so that not all are read at each call"},
    {"plugins/audit.log", 0640, "JSON lines", "jetpack plugin",
     "What was decided about bundles, and why"},
    {"plugins/state/ID.json", 0644, "JSON", "jetpack plugin",
     "Whether a bundle is disabled, and its crashes"},
    {"plugins/...", 0, "various", "installation", "Plugin bundles, such as the hub"},
    {"var/plugins/ID/...", 0, "various", "plugins", "What the plugin of this id keeps"},
    {"hub/...", 0, "various", "hub serve", "Data of a hub that was started without --data"},
    {"DIRECTORY/NAME.corrupt-TIME", 0, "various", "the agent",
     "A damaged file, moved aside; remove it when it is no longer needed"},

    mark_editable({"/etc/profile.d/cyclecloud.sh", 0644, "shell", "installation",
                   "Sets CYCLECLOUD_HOME and PATH at login"}),
    {"/etc/sudoers.d/jetpack", 0440, "sudoers", "jetpackd",
     "Administrators among the cluster's users"},
    mark_editable(
        {"/etc/systemd/system/jetpackd.service", 0644, "unit", "installation", "The daemon"}),
    mark_editable({"/etc/systemd/system/healthcheck.service", 0644, "unit", "installation",
                   "The health checks; upgrades keep INTERVAL, the minutes between two cycles"}),
    mark_editable({"/etc/systemd/system/jetpack-converge.service", 0644, "unit", "installation",
                   "jetpack converge at each boot"}),
    mark_editable({"/etc/udev/rules.d/66-jetpack.rules", 0644, "udev rules", "installation",
                   "Names of Azure's disks and network devices"}),
    {"/usr/share/bash-completion/completions/jetpack", 0644, "shell", "installation",
     "Completion in bash"},
    {"/usr/share/zsh/site-functions/_jetpack", 0644, "shell", "installation", "Completion in zsh"},
    {"/usr/share/zsh/vendor-completions/_jetpack", 0644, "shell", "installation",
     "Completion in zsh, where Debian's looks"},
    {"/usr/share/fish/vendor_completions.d/jetpack.fish", 0644, "shell", "installation",
     "Completion in fish"},
    {"/mnt/cluster-init/PROJECT/SPEC/...", 0, "various", "converge",
     "Files of the node's projects"},
    mark_editable(
        {"/mnt/cluster-init/.run/PROJECT/SPEC/STAGE/NAME.run", 0644, "text", "converge",
         "Marker of a script that has succeeded; the script runs again when it is removed"}),
};

}  // namespace

bool HomeFile::is_directory() const { return std::string_view(format) == "directory"; }

std::span<const HomeFile> home_files() { return all_files; }

}  // namespace jetpack::support
