// What can be wrong with a node.
#include "support/diagnosis.hpp"

#include <array>
#include <string>

#include <jetpack/error.hpp>

namespace jetpack::support {

namespace {

constexpr auto is_error = Severity::error, is_warning = Severity::warning, is_info = Severity::info;

constexpr std::array all_diagnoses{
    // -- configuration
    Diagnosis{"configuration-invalid", "configuration", is_error,
              "A configuration file has a syntax error or a value of the wrong kind",
              "Fix the file at the line and column given, restore it from backup, or enroll the "
              "node again"},
    Diagnosis{"configuration-unreadable", "configuration", is_error,
              "A configuration file cannot be read by this user",
              "Run the command as root or as a member of the group cyclecloud"},
    Diagnosis{"not-configured", "configuration", is_error,
              "The node does not know its server, its cluster or its user name",
              "Enroll the node, or write url, username, password and cluster into "
              "config/connection.json"},
    Diagnosis{"node-name-missing", "configuration", is_warning,
              "The node does not know its own name",
              "Set [identity] node_name in config/jetpack.ini, or enroll the node again"},
    Diagnosis{"setting-invalid", "configuration", is_warning,
              "A setting has an invalid value; its default is used",
              "Correct the value; 'jetpack help settings' lists what each setting accepts"},
    Diagnosis{"setting-unknown", "configuration", is_warning,
              "A key looks like a setting of jetpack, but is none",
              "Correct or remove the key; 'jetpack help settings' lists all settings"},
    // -- server
    Diagnosis{"server-name", "server", is_error, "The server's host name could not be resolved",
              "Check the name in config/connection.json and the DNS in /etc/resolv.conf"},
    Diagnosis{"server-port", "server", is_error, "The server's port does not accept connections",
              "Refused: start the server, or fix the port in its address. Timed out: check routes, "
              "firewalls and security groups between here and there"},
    Diagnosis{"proxy-name", "server", is_error, "The proxy's host name could not be resolved",
              "Check [cycle_server] proxy in config/jetpack.ini, and the DNS in /etc/resolv.conf"},
    Diagnosis{"proxy-unreachable", "server", is_error,
              "The proxy does not accept or does not answer connections",
              "Check [cycle_server] proxy in config/jetpack.ini, and that the proxy is running"},
    Diagnosis{"proxy-credentials", "server", is_error, "The proxy wants a user name and password",
              "Add them to [cycle_server] proxy in config/jetpack.ini"},
    Diagnosis{"proxy-rejected", "server", is_error, "The proxy does not connect to the server",
              "Allow the server's host and port at the proxy, or except the host from it"},
    Diagnosis{"tls-handshake", "server", is_error,
              "The server accepts connections, but does not complete the TLS handshake",
              "Check that the address names an https port, and that nothing between here and there "
              "intercepts TLS"},
    Diagnosis{"certificate-untrusted", "server", is_error,
              "No CA that this node trusts has signed the server's certificate",
              "Put the CA certificate that signed the server's certificate into config/ca.pem"},
    Diagnosis{"certificate-expired", "server", is_error, "The server's certificate has expired",
              "Renew the server's certificate; check this node's clock"},
    Diagnosis{"certificate-not-yet-valid", "server", is_error,
              "The server's certificate is not valid yet by this node's clock",
              "Set this node's clock; check the certificate's dates"},
    Diagnosis{"certificate-wrong-host", "server", is_error,
              "The server's certificate is for another host",
              "Use a name in the server's address that the certificate has, or reissue it"},
    Diagnosis{"certificate-not-checked", "server", is_warning,
              "skip_ssl_validation is set: anybody on the way can read and change what is sent",
              "Put the server's CA into config/ca.pem and remove skip_ssl_validation"},
    Diagnosis{"ca-file-invalid", "server", is_error,
              "The file with the CA certificates to trust cannot be read",
              "Replace the file named by ca_file, or config/ca.pem, with a PEM file"},
    Diagnosis{"server-no-answer", "server", is_error,
              "The server accepts connections, but does not answer",
              "Check the server's log and load, and proxies between here and there"},
    Diagnosis{"server-not-http", "server", is_error,
              "Something else than a web server answers at the server's address",
              "Fix the port in the server's address"},
    Diagnosis{"server-credentials", "server", is_error,
              "The server rejects the user name or the password",
              "Enroll the node again, or fix username and password in config/connection.json"},
    Diagnosis{"server-forbidden", "server", is_error,
              "The node's account may not read this node's userdata",
              "Check [identity] in config/jetpack.ini, and ask the cluster's administrator which "
              "node the account is for"},
    Diagnosis{"node-unknown", "server", is_error,
              "The server does not know this node's userdata id",
              "Check [identity] userdata_id or instance_id in config/jetpack.ini, or enroll the "
              "node again"},
    Diagnosis{"server-failed", "server", is_error, "The server answers with an error",
              "Check the server's log, then try again"},
    Diagnosis{"clock-skew", "server", is_warning,
              "This node's clock differs from the server's by more than five minutes",
              "Set the clock and start chronyd or systemd-timesyncd; from 15 minutes on, the "
              "locker's storage rejects requests"},
    // -- broker
    Diagnosis{"broker-missing", "broker", is_error,
              "The transport is amqp, but no broker is configured",
              "Set [broker] url in config/jetpack.ini, or the transport to https"},
    Diagnosis{"broker-unreachable", "broker", is_error, "The broker cannot be reached",
              "Check [broker] url in config/jetpack.ini, that the broker is running, and firewalls "
              "between here and there"},
    Diagnosis{"broker-denied", "broker", is_error,
              "The broker rejects the login or the vhost, or its certificate is not trusted",
              "Check user, password and vhost in [broker] url, and [broker] ca_file"},
    // -- locker
    Diagnosis{"locker-missing", "locker", is_info, "This node has no locker",
              "Nothing to do, unless the node downloads projects: have the server hand one out, or "
              "write config/locker.json"},
    Diagnosis{"locker-invalid", "locker", is_error, "The locker's description cannot be used",
              "Fix config/locker.json, or remove it to have the server's again"},
    Diagnosis{"locker-unreachable", "locker", is_error, "The locker does not answer",
              "Check the address in config/locker.json, DNS, firewalls and private endpoints"},
    Diagnosis{"locker-denied", "locker", is_error, "The locker rejects this node's credential",
              "Renew the credential in config/locker.json, or assign the managed identity the role "
              "Storage Blob Data Reader; check this node's clock"},
    Diagnosis{"sas-expired", "locker", is_error, "The locker's shared access signature has expired",
              "Put a new one into config/locker.json, or remove the file to have the server's"},
    Diagnosis{"sas-expiring", "locker", is_warning,
              "The locker's shared access signature, which nobody renews, ends within a day",
              "Put a new one into config/locker.json before it ends"},
    // -- tree
    Diagnosis{"directory-missing", "tree", is_error, "A directory of the home tree is missing",
              "Run 'jetpack doctor --fix' as root"},
    Diagnosis{"not-a-directory", "tree", is_error,
              "Something else stands where a directory of the home tree belongs",
              "Move it away, then run 'jetpack doctor --fix' as root"},
    Diagnosis{"no-access", "tree", is_error, "This user may not use the home tree",
              "Run the command as root, or add the user to the directory's group"},
    Diagnosis{"read-only", "tree", is_error, "The file system of the home tree is read-only",
              "See dmesg for disk errors, check the file system, and mount it read-write"},
    Diagnosis{"owner-wrong", "tree", is_error, "A directory belongs to a user who is not root",
              "Run 'jetpack doctor --fix' as root, and find out who changed it"},
    Diagnosis{"writable-by-others", "tree", is_error,
              "Users other than root can change what root runs or trusts",
              "Run 'jetpack doctor --fix' as root, and find out who changed it"},
    Diagnosis{"untrusted-file", "tree", is_error,
              "A link stands in run/ where jetpack keeps a file, and is not followed",
              "Find out who put it there, and remove it"},
    Diagnosis{"readable-by-others", "tree", is_warning,
              "Every user can read a file with passwords or tokens",
              "Run 'jetpack doctor --fix' as root; change the password if users are not trusted"},
    Diagnosis{"group-wrong", "tree", is_warning,
              "Members of the group cyclecloud cannot use jetpack: a directory has another group",
              "Run 'jetpack doctor --fix' as root"},
    Diagnosis{"mode-wrong", "tree", is_warning,
              "Members of the group cyclecloud cannot use jetpack: they may not write",
              "Run 'jetpack doctor --fix' as root"},
    Diagnosis{"group-missing", "tree", is_info, "There is no group cyclecloud",
              "Create it to let users other than root use jetpack: groupadd --system cyclecloud"},
    Diagnosis{"moved-aside", "tree", is_warning,
              "A damaged state file was moved aside, and work goes on without it",
              "Keep it for a report, then remove it; see logs/jetpack.log, and check the disk"},
    // -- disk
    Diagnosis{"disk-full", "disk", is_error, "The disk is full; no message can be queued",
              "Free some space"},
    Diagnosis{"disk-low", "disk", is_warning, "The disk is nearly full", "Free some space"},
    Diagnosis{"inodes-exhausted", "disk", is_error,
              "The file system has no free inodes; no file can be created", "Remove files"},
    // -- outbox
    Diagnosis{"outbox-unusable", "outbox", is_error, "The queue of messages cannot be read",
              "See the evidence; 'jetpack log' delivers directly meanwhile"},
    Diagnosis{"outbox-full", "outbox", is_error,
              "The queue of messages is at its size limit; new messages are not queued",
              "Restore the connection, raise cyclecloud.jetpack.outbox_max_mib, or remove messages "
              "with 'jetpack outbox drop'"},
    Diagnosis{"outbox-old", "outbox", is_warning,
              "Messages have been queued for more than 15 minutes",
              "Restore the connection to the server; see 'jetpack outbox list'"},
    Diagnosis{"dead-letters", "outbox", is_warning, "The server rejected messages for good",
              "See 'jetpack outbox list'; send them again with 'jetpack outbox retry' or remove "
              "them with 'jetpack outbox drop'"},
    // -- daemons
    Diagnosis{"jetpackd-not-running", "daemons", is_error,
              "jetpackd is not running: the configuration is not updated, and messages are "
              "delivered only by the commands that send them",
              "Run 'jetpack initialize' or 'systemctl start jetpackd'; without systemd, start "
              "jetpackd by hand"},
    Diagnosis{"jetpackd-other-version", "daemons", is_warning,
              "The running jetpackd is of another version than the installed one",
              "Run 'systemctl restart jetpackd'"},
    Diagnosis{"jetpackd-rejected", "daemons", is_warning,
              "The server turns jetpackd away until an administrator acts",
              "See the evidence, and the findings on the server"},
    Diagnosis{"healthcheck-not-running", "daemons", is_warning,
              "The health checks' service is not running",
              "Run 'jetpack initialize' or 'systemctl start healthcheck'"},
    // -- units
    Diagnosis{"unit-missing", "units", is_warning, "systemd does not know a unit of jetpack",
              "Install the package again, or run system/install/install.sh as root"},
    Diagnosis{"unit-disabled", "units", is_warning, "A unit does not start when the machine boots",
              "Run 'systemctl enable' for the unit"},
    Diagnosis{"unit-failed", "units", is_error, "A unit has failed",
              "See 'journalctl -u UNIT'; 'jetpack doctor --fix' as root starts it again"},
    Diagnosis{"unit-masked", "units", is_warning, "A unit is masked: it cannot be started",
              "Run 'systemctl unmask' for the unit, if nobody masked it on purpose"},
    // -- plugins
    Diagnosis{"plugin-refused", "plugins", is_error,
              "A plugin is refused and its commands are missing",
              "Fix what the evidence names, then see 'jetpack plugin list'"},
    Diagnosis{"plugins-unknown", "plugins", is_error, "The plugins could not be listed in time",
              "Check the disks that the plugin directories are on; run 'jetpack plugin list'"},
    Diagnosis{"check-timed-out", "any", is_error, "A check did not end in time and was killed",
              "Look for file systems that hang, and for slow user or group look-ups (sssd, LDAP)"},
    // -- leftovers
    Diagnosis{"leftover-python", "leftovers", is_warning,
              "system/embedded has the Python of the original Jetpack",
              "Remove it once no script uses its packages"},
    Diagnosis{"leftover-pogo", "leftovers", is_info,
              "config has credentials of pogo or thunderball, which jetpack does not use",
              "Remove the file if no script of yours reads it"},
    Diagnosis{
        "leftover-service", "leftovers", is_info,
        "config/service.d has service registrations of Jetpack 7, which nothing reads any more",
        "Remove the files"},
    Diagnosis{"leftover-cron", "leftovers", is_warning,
              "A cron table runs the original Jetpack's Python or pogo",
              "Remove the line, or change it to call bin/jetpack"},
};

}  // namespace

std::string_view name_of(Severity severity) {
  return severity == is_error ? "error" : severity == is_warning ? "warning" : "info";
}

std::span<const Diagnosis> diagnoses() { return all_diagnoses; }

const Diagnosis& diagnosis(std::string_view id) {
  for (const auto& known : all_diagnoses)
    if (known.id == id) return known;
  throw Error(Errc::internal, "unknown diagnosis " + std::string(id));
}

}  // namespace jetpack::support
