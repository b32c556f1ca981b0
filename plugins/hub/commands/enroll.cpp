// The commands `hub enroll` and `hub admin`, which create accounts.
#include <algorithm>
#include <string>

#include <jetpack/config.hpp>
#include "commands/commands.hpp"
#include "commands/options.hpp"
#include "commands/output.hpp"
#include "common/certificates.hpp"
#include "common/passwords.hpp"
#include "common/text.hpp"
#include "store/node_table.hpp"
#include "store/userdata_id.hpp"
#include "support/enrollment.hpp"
#include "support/files.hpp"
#include "support/json_writer.hpp"
#include "support/random.hpp"

namespace jetpack::hub {

namespace fs = std::filesystem;

namespace {

// How the node reaches the broker, when it uses one.
void read_broker_options(const Call& call, support::Enrollment& node) {
  node.broker_url = secret_option(call, "broker").value_or("");
  node.transport = call.text("transport").value_or("");
  if (node.broker_url.empty() && (node.transport == "amqp" || call.given("broker-ca")))
    throw Error(Errc::usage, "--transport amqp and --broker-ca need --broker URL");
  if (node.broker_url.empty()) return;
  const bool is_plain = std::all_of(node.broker_url.begin(), node.broker_url.end(),
                                    [](char c) { return c > ' ' && c < 0x7F && c != '"'; });
  if (!is_plain ||
      !(node.broker_url.starts_with("amqps://") || node.broker_url.starts_with("amqp://")))
    throw Error(Errc::usage, "--broker must be amqps://USER:PASSWORD@HOST:PORT/VHOST");
  if (const auto file = call.text("broker-ca")) {
    const auto pem = support::read_file(std::string(*file), max_pem);
    if (!pem)
      throw Error(Errc::not_found,
                  "failed to read --broker-ca: no such file: " + std::string(*file));
    node.broker_authority = *pem;
  }
}

// What remains to be done on the node.
std::string next_step(const Call& call, const fs::path& home) {
  const fs::path own = fs::path(call.service<Config>().path("")).lexically_normal();
  if (home == own || home / "" == own) return "Next: jetpack initialize\n";
  return "Next: copy what is in " + (home / "config").string() +
         " to the node, to config/ of its home tree, and run there: jetpack initialize\n";
}

}  // namespace

int enroll(const Call& call) {
  support::Enrollment node;
  node.cluster = name_option(call, "cluster");
  node.node = name_option(call, "node");
  node.username = node.cluster + "/" + node.node;
  const fs::path home = fs::absolute(std::string(*call.text("home"))).lexically_normal();
  node.instance_id = call.text("instance-id").value_or("");
  if (!node.instance_id.empty() && !is_name(node.instance_id))
    throw Error(Errc::usage, "--instance-id must be letters, digits, '.', '_' and '-'");

  read_broker_options(call, node);
  const DataDirectory data = open_data_directory(data_option(call));
  node.url = url_option(call, data);
  if (!has_given_certificate(data))
    node.authority =
        support::read_file(ensure_authority(data.certificates()), max_pem).value_or("");
  Database database(database_option(call, data));
  node.password = random_password();
  const Account account{
      0, node.username, Role::node, node.cluster, node.node, hash_password(node.password)};
  const bool is_new = database.write("enrolling a node", [&](Transaction& transaction) {
    const auto known = find_node(transaction.session(), node.cluster, node.node);
    if (node.instance_id.empty()) node.instance_id = known ? known->instance_id : "";
    if (node.instance_id.empty()) node.instance_id = support::random_uuid();
    const bool made = enroll_node(transaction, account, node.instance_id);
    if (const auto nodearray = call.text("nodearray"))
      set_node_template(transaction.session(), node.cluster, node.node, *nodearray);
    if (call.flag("scheduler"))
      set_node_scheduler(transaction.session(), node.cluster, node.node, true);
    return made;
  });
  node.userdata_id = userdata_id(node.cluster, node.node, node.instance_id);
  support::write_enrollment(home.string(), node);
  if (call.flag("json")) {
    call.print(support::shown_json(support::json_object([&](support::Object& object) {
      object.text("action", is_new ? "enroll" : "enroll again")
          .text("cluster", node.cluster)
          .text("node", node.node)
          .text("username", node.username)
          .text("instance_id", node.instance_id)
          .text("home", home.string());
    })));
    return 0;
  }
  call.print((is_new ? "Enrolled node " : "Enrolled again, with a new password, node ") +
             node.node + " of cluster " + node.cluster + " in " + home.string() + "\n");
  call.report(next_step(call, home));
  return 0;
}

namespace {

int remove_admin(const Call& call, Database& database, const std::string& name) {
  database.write("removing an account", [&](Transaction& transaction) {
    const auto known = find_account(transaction.session(), name);
    if (!known || known->role == Role::node)
      throw Error(Errc::not_found, "no administrator, viewer or monitor '" + name + "'");
    remove_account(transaction.session(), name);
  });
  return print_result(call, {"remove", "username", name, "Removed the account '" + name + "'"});
}

Role role_option(const Call& call) {
  const auto role = *call.text("role");
  if (role == "viewer") return Role::viewer;
  return role == "monitor" ? Role::monitor : Role::admin;
}

}  // namespace

int admin(const Call& call) {
  const std::string name = name_option(call, "name");
  const DataDirectory data = open_data_directory(data_option(call));
  Database database(database_option(call, data));
  if (call.flag("revoke")) return remove_admin(call, database, name);
  const Role role = role_option(call);
  const std::string shown_role(*call.text("role")), password = random_password();
  const std::string record = hash_password(password);
  const bool is_new = database.write("setting a password", [&](Transaction& transaction) {
    const auto known = find_account(transaction.session(), name);
    if (known && known->role == Role::node)
      throw Error(Errc::denied, "'" + name + "' is a node's account; choose another name");
    return put_account(transaction.session(), {0, name, role, "", "", record});
  });
  // A monitor has one word to show.
  const std::string kind = role == Role::monitor ? "token" : "password";
  const std::string secret = role == Role::monitor ? name + '.' + password : password;
  if (call.flag("json")) {
    call.print(support::shown_json(support::json_object([&](support::Object& object) {
      object.text("username", name).text("role", shown_role).text(kind, secret);
    })));
    return 0;
  }
  call.report((is_new ? "Created " : "Set a new " + kind + " for ") + shown_role + " '" + name +
              "'. The " + kind + " is printed only once:\n");
  call.print(secret + "\n");
  return 0;
}

}  // namespace jetpack::hub
