// Who this node is and how it reaches its server, from the three places that may say so.
#include "services/node/node_settings.hpp"

#include <unistd.h>

#include <cstdlib>

#include <jetpack/error.hpp>
#include "services/module_host.hpp"
#include "services/node/proxy.hpp"
#include "support/connection_files.hpp"
#include "support/text.hpp"
#include "support/url.hpp"

namespace jetpack::node {

namespace {

constexpr std::string_view webserver_section = "cycle_server";
constexpr std::string_view identity_section = "identity";
constexpr std::string_view broker_section = "broker";
constexpr std::string_view transport_key = "cyclecloud.jetpack.transport";
constexpr std::string_view skip_validation_key = "cyclecloud.skip_ssl_validation";

std::optional<std::string> unless_empty(std::optional<std::string> text) {
  if (text && text->empty()) return std::nullopt;
  return text;
}

}  // namespace

NodeSettings::NodeSettings(const std::string& config_directory, Setting setting,
                           support::SettingWarning warn)
    : directory_(config_directory), setting_(std::move(setting)), warn_(std::move(warn)) {
  files_ = std::make_shared<support::ConnectionFiles>(support::ConnectionFiles::read(directory_));
}

std::optional<std::string> NodeSettings::ini(std::string_view section, std::string_view key) const {
  return files_->ini(section, key);
}

bool NodeSettings::ini_flag(std::string_view section, std::string_view key) const {
  const std::string name = '[' + std::string(section) + "] " + std::string(key);
  return support::flag_setting(name, ini(section, key), warn_);
}

bool NodeSettings::verifies(std::string_view section) const {
  return !ini_flag(section, "skip_ssl_validation") &&
         !support::flag_setting(skip_validation_key, setting_(skip_validation_key), warn_);
}

Identity NodeSettings::identity_from_files() const {
  return {files_->cluster().value_or(""), files_->node().value_or(""),
          files_->instance().value_or(""), files_->session().value_or("")};
}

std::optional<std::string> NodeSettings::cluster() const {
  auto text = files_->cluster();
  return text ? text : setting_("cyclecloud.cluster.name");
}

std::optional<std::string> NodeSettings::node() const {
  auto text = files_->node();
  return text ? text : setting_("cyclecloud.node.name");
}

std::optional<std::string> NodeSettings::instance() const {
  if (auto text = files_->instance()) return text;
  for (const auto key :
       {"cyclecloud.instance.id", "cyclecloud.node.id", "azure.metadata.compute.vmId"})
    if (auto text = setting_(key)) return text;
  return std::nullopt;
}

std::optional<std::string> NodeSettings::username() const {
  auto text = files_->username();
  return text ? text : setting_("cyclecloud.config.username");
}

std::optional<std::string> NodeSettings::password() const {
  auto text = files_->password();
  return text ? text : setting_("cyclecloud.config.password");
}

Identity NodeSettings::identity() const {
  return {cluster().value_or(""), node().value_or(""), instance().value_or(""),
          files_->session().value_or("")};
}

std::optional<std::string> NodeSettings::fact(std::string_view name) const {
  if (name == "cluster") return cluster();
  if (name == "node") return node();
  if (name == "instance") return instance();
  if (name == "username") return username();
  if (name == "url") return if_configured([&] { return url(); });
  if (name == "broker") return if_configured([&] { return broker().text(); });
  if (name == "proxy") return if_configured([&] { return without_credentials(proxy(url())); });
  if (name == "transport") return message_route() == Route::broker ? "amqp" : "https";
  if (name == "userdata") return userdata();
  throw Error(Errc::usage, "unknown fact '" + std::string(name) +
                               "' of a node; known are cluster, node, instance, url, proxy, "
                               "username, userdata, broker and transport");
}

template <class Ask>
std::optional<std::string> NodeSettings::if_configured(Ask&& ask) {
  try {
    return unless_empty(ask());
  } catch (const Error& e) {
    if (e.code() == Errc::not_found) return std::nullopt;
    throw;
  }
}

std::optional<std::string> NodeSettings::userdata() const {
  if (auto id = ini(identity_section, "userdata_id")) return id;
  std::string digits = support::lower_case(instance().value_or(""));
  std::erase(digits, '-');
  const bool is_hex = digits.find_first_not_of("0123456789abcdef") == std::string::npos;
  if (digits.size() == userdata_digits && is_hex) return digits;
  if (userdata_seed()) return "";
  return std::nullopt;
}

std::optional<std::string> NodeSettings::userdata_seed() const {
  const auto in_cluster = cluster();
  const auto of_node = node();
  if (!in_cluster || !of_node) return std::nullopt;
  return *in_cluster + '/' + *of_node;
}

std::string NodeSettings::url() const {
  std::string where = directory_ + "/connection.json, \"url\"";
  auto text = files_->connection("url");
  if (!text) {
    text = files_->url();
    where = directory_ + "/jetpack.ini, [cycle_server] webserver";
  }
  if (!text) {
    text = setting_("cyclecloud.config.web_server");
    where = "the configuration key cyclecloud.config.web_server";
  }
  if (!text)
    throw Error(Errc::not_found, "no server is configured: neither " + directory_ +
                                     "/connection.json nor jetpack.ini nor the configuration "
                                     "names one; enroll the node or write connection.json");
  const auto url = support::parse_url(*text, "the server's address in " + where);
  if (url.scheme == "http" && !url.is_loopback() && !ini_flag(webserver_section, "allow_http"))
    throw Error(Errc::denied, "the server's address in " + where +
                                  " is http, which would show the password to the network; use "
                                  "https, or set [cycle_server] allow_http = true in jetpack.ini");
  return url.text();
}

std::string NodeSettings::ca_file(std::string_view section) const {
  if (auto path = ini(section, "ca_file"))
    return path->starts_with('/') ? *path : directory_ + '/' + *path;
  const std::string usual = directory_ + "/ca.pem";
  return ::access(usual.c_str(), F_OK) == 0 ? usual : "";
}

std::string NodeSettings::proxy(const std::string& server_url) const {
  const std::string method = files_->connection("proxy_method").value_or("");
  if (method == "none") return "";
  if (method == "environment")
    return proxy_of_environment(support::parse_url(server_url, "the server's address"));
  const auto text = ini(webserver_section, "proxy");
  return text ? parse_proxy(*text, directory_ + "/jetpack.ini, [cycle_server] proxy") : "";
}

Server NodeSettings::server() const {
  Server server;
  server.url = url();
  server.username = username().value_or("");
  server.password = password().value_or("");
  server.ca_file = ca_file(webserver_section);
  server.proxy = proxy(server.url);
  server.verify = verifies(webserver_section);
  return server;
}

BrokerAddress NodeSettings::broker() const {
  const std::string where = directory_ + "/jetpack.ini, [broker] url";
  const auto text = ini(broker_section, "url");
  if (!text)
    throw Error(Errc::not_found,
                "no broker is configured: set [broker] url = "
                "amqps://USER:PASSWORD@HOST:PORT/VHOST in " +
                    directory_ + "/jetpack.ini");
  BrokerAddress address = parse_broker_address(*text, where);
  if (!address.is_tls && !support::is_loopback(address.host) &&
      !ini_flag(broker_section, "allow_plain"))
    throw Error(Errc::denied, "the broker's address in " + where +
                                  " is amqp, which would show the password to the network; use "
                                  "amqps, or set [broker] allow_plain = true in jetpack.ini");
  address.ca_file = ca_file(broker_section);
  address.verify = verifies(broker_section);
  return address;
}

std::string NodeSettings::exchange() const {
  return ini(broker_section, "exchange").value_or("jetpack");
}

Route NodeSettings::message_route() const {
  const auto in_ini = ini(webserver_section, "transport");
  const auto transport =
      in_ini ? support::choice_setting("[cycle_server] transport", in_ini, warn_)
             : support::choice_setting(transport_key, setting_(transport_key), warn_);
  return transport == "amqp" ? Route::broker : Route::server;
}

std::vector<std::string> NodeSettings::sources() const {
  std::vector<std::string> paths;
  for (const char* name :
       {"connection.json", "jetpack.ini", "node.json", "attributes.json", "facts.json",
        "local.json", "configuration.json", "properties.json", "ca.pem"})
    paths.push_back(directory_ + '/' + name);
  for (const auto section : {webserver_section, broker_section})
    if (auto path = ca_file(section); !path.empty()) paths.push_back(std::move(path));
  return paths;
}

NodeSettings node_settings(const ModuleHost& host) {
  return NodeSettings(
      host.path("config"), [&host](std::string_view key) { return host.setting(key); },
      [&host](const std::string& text) { host.warn_once(text); });
}

}  // namespace jetpack::node
