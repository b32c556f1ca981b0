// The commands `hub enroll` and `hub admin`, which create accounts.
#include <algorithm>
#include <string>

#include <rapidjson/prettywriter.h>
#include <rapidjson/stringbuffer.h>

#include "commands/commands.hpp"
#include "commands/options.hpp"
#include "commands/output.hpp"
#include "common/certificates.hpp"
#include "common/passwords.hpp"
#include "common/text.hpp"
#include "store/node_table.hpp"
#include "store/userdata_id.hpp"
#include "support/files.hpp"
#include "support/json_writer.hpp"
#include "support/random.hpp"

namespace jetpack::hub {

namespace fs = std::filesystem;

namespace {

// The address that the node will use. It goes into an INI file, so a line end would be a new key.
std::string url_option(const Call& call, const DataDirectory& data) {
  const auto given = call.text("url");
  const auto url = given ? std::optional<std::string>(*given) : last_url(data);
  if (!url)
    throw Error(Errc::usage, "the hub's address is unknown: no hub has run in " +
                                 data.root.string() + " yet\nStart it first, or give --url.");
  const bool is_plain =
      std::all_of(url->begin(), url->end(), [](char c) { return c > ' ' && c < 0x7F && c != '"'; });
  if (!url->starts_with("https://") || !is_plain)
    throw Error(Errc::usage, "--url must begin with https:// and have no spaces");
  return *url;
}

std::string connection_json(const Account& account, const std::string& password,
                            const std::string& url) {
  rapidjson::StringBuffer out;
  rapidjson::PrettyWriter<rapidjson::StringBuffer> writer(out);
  writer.StartObject();
  for (const auto& [key, value] : {std::pair<const char*, std::string>("cluster", account.cluster),
                                   {"username", account.name},
                                   {"password", password},
                                   {"url", url},
                                   {"proxy_method", "none"}}) {
    writer.Key(key);
    writer.String(value.c_str());
  }
  writer.EndObject();
  return std::string(out.GetString(), out.GetSize()) + "\n";
}

// How the node reaches the broker; empty when it uses none.
struct BrokerSection {
  std::string url, transport;
  std::string authority;  // PEM, or ""
};

constexpr const char* broker_authority = "broker-ca.pem";

std::string jetpack_ini(const Account& account, const std::string& password, const std::string& url,
                        const std::string& instance_id, const BrokerSection& broker) {
  std::string ini = "[cycle_server]\nwebserver=" + url + "\napi_username=" + account.name +
                    "\napi_password=" + password + "\n";
  if (!broker.transport.empty()) ini += "transport=" + broker.transport + "\n";
  ini += "\n[identity]\ncluster_name=" + account.cluster + "\ninstance_id=" + instance_id +
         "\nnode_name=" + account.node +
         "\nuserdata_id=" + userdata_id(account.cluster, account.node, instance_id) + "\n";
  if (broker.url.empty()) return ini;
  ini += "\n[broker]\nurl=" + broker.url + "\n";
  if (!broker.authority.empty()) ini += std::string("ca_file=") + broker_authority + "\n";
  return ini;
}

BrokerSection broker_options(const Call& call) {
  BrokerSection broker;
  broker.url = secret_option(call, "broker").value_or("");
  broker.transport = call.text("transport").value_or("");
  if (broker.url.empty() && (broker.transport == "amqp" || call.given("broker-ca")))
    throw Error(Errc::usage, "--transport amqp and --broker-ca need --broker URL");
  if (broker.url.empty()) return broker;
  const bool is_plain = std::all_of(broker.url.begin(), broker.url.end(),
                                    [](char c) { return c > ' ' && c < 0x7F && c != '"'; });
  if (!is_plain || !(broker.url.starts_with("amqps://") || broker.url.starts_with("amqp://")))
    throw Error(Errc::usage, "--broker must be amqps://USER:PASSWORD@HOST:PORT/VHOST");
  if (const auto file = call.text("broker-ca")) {
    const auto pem = support::read_file(std::string(*file), max_pem);
    if (!pem)
      throw Error(Errc::not_found,
                  "failed to read --broker-ca: no such file: " + std::string(*file));
    broker.authority = *pem;
  }
  return broker;
}

}  // namespace

int enroll(const Call& call) {
  const std::string cluster = name_option(call, "cluster"), node = name_option(call, "node");
  const fs::path home = fs::absolute(std::string(*call.text("home")));
  if (!fs::is_directory(home))
    throw Error(Errc::not_found, "failed to enroll into " + home.string() +
                                     ": not a directory\nGive the node's home tree with --home.");
  std::string instance_id(call.text("instance-id").value_or(""));
  if (!instance_id.empty() && !is_name(instance_id))
    throw Error(Errc::usage, "--instance-id must be letters, digits, '.', '_' and '-'");

  const BrokerSection broker = broker_options(call);
  const DataDirectory data = open_data_directory(data_option(call));
  const std::string url = url_option(call, data);
  const auto authority = support::read_file(ensure_authority(data.certificates()), max_pem);
  Database database(database_option(call, data));
  const std::string password = random_password();
  const Account account{0,    cluster + "/" + node,   Role::node, cluster,
                        node, hash_password(password)};
  const bool is_new = database.write("enrolling a node", [&](Transaction& transaction) {
    const auto known = find_node(transaction.session(), cluster, node);
    if (instance_id.empty()) instance_id = known ? known->instance_id : "";
    if (instance_id.empty()) instance_id = support::random_uuid();
    const bool made = enroll_node(transaction, account, instance_id);
    if (const auto nodearray = call.text("nodearray"))
      set_node_template(transaction.session(), cluster, node, *nodearray);
    if (call.flag("scheduler")) set_node_scheduler(transaction.session(), cluster, node, true);
    return made;
  });

  const fs::path config = home / "config";
  support::create_directories(config, 0750);
  support::write_durably(config / "ca.pem", authority.value_or(""), 0644);
  support::write_durably(config / "jetpack.ini",
                         jetpack_ini(account, password, url, instance_id, broker), 0640);
  if (!broker.authority.empty())
    support::write_durably(config / broker_authority, broker.authority, 0644);
  support::write_durably(config / "connection.json", connection_json(account, password, url), 0640);
  if (call.flag("json"))
    call.print(support::shown_json(support::json_object([&](support::Object& object) {
      object.text("action", is_new ? "enroll" : "enroll again")
          .text("cluster", cluster)
          .text("node", node)
          .text("username", account.name)
          .text("instance_id", instance_id)
          .text("home", home.string());
    })));
  else
    call.print((is_new ? "Enrolled node " : "Enrolled again, with a new password, node ") + node +
               " of cluster " + cluster + " in " + home.string() + "\n");
  return 0;
}

namespace {

int remove_admin(const Call& call, Database& database, const std::string& name) {
  database.write("removing an account", [&](Transaction& transaction) {
    const auto known = find_account(transaction.session(), name);
    if (!known || known->role == Role::node)
      throw Error(Errc::not_found, "no administrator or viewer '" + name + "'");
    remove_account(transaction.session(), name);
  });
  return print_result(call, {"remove", "username", name, "Removed the account '" + name + "'"});
}

}  // namespace

int admin(const Call& call) {
  const std::string name = name_option(call, "name");
  const DataDirectory data = open_data_directory(data_option(call));
  Database database(database_option(call, data));
  if (call.flag("revoke")) return remove_admin(call, database, name);
  const std::string role(*call.text("role"));
  const std::string password = random_password();
  const std::string record = hash_password(password);
  const bool is_new = database.write("setting a password", [&](Transaction& transaction) {
    const auto known = find_account(transaction.session(), name);
    if (known && known->role == Role::node)
      throw Error(Errc::denied, "'" + name + "' is a node's account; choose another name");
    return put_account(transaction.session(),
                       {0, name, role == "viewer" ? Role::viewer : Role::admin, "", "", record});
  });
  if (call.flag("json")) {
    call.print(support::shown_json(support::json_object([&](support::Object& object) {
      object.text("username", name).text("role", role).text("password", password);
    })));
    return 0;
  }
  call.report((is_new ? "Created " : "Set a new password for ") + role + " '" + name +
              "'. The password is printed only once:\n");
  call.print(password + "\n");
  return 0;
}

}  // namespace jetpack::hub
