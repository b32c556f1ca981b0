// Who this node is and how it reaches its server, from the three places that may say so.
#include "services/session/identity.hpp"

#include <unistd.h>

#include <cstdlib>

#include <jetpack/error.hpp>
#include "services/session/url.hpp"
#include "support/ini.hpp"
#include "support/json.hpp"

namespace jetpack::session {

namespace {

constexpr std::string_view webserver_section = "cycle_server";
constexpr std::string_view identity_section = "identity";
constexpr std::string_view broker_section = "broker";
constexpr const char* transport_key = "cyclecloud.jetpack.transport";

std::optional<std::string> unless_empty(std::optional<std::string> text) {
  if (text && text->empty()) return std::nullopt;
  return text;
}

bool is_true(std::string text) {
  for (char& c : text) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return text == "true" || text == "yes" || text == "on" || text == "1";
}

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

// Whether `host` is in the comma-separated list of names and domains that no_proxy holds.
bool is_exempt(std::string_view host, std::string_view list) {
  while (!list.empty()) {
    const size_t comma = std::min(list.find(','), list.size());
    std::string_view entry = list.substr(0, comma);
    list.remove_prefix(std::min(comma + 1, list.size()));
    while (entry.starts_with(' ')) entry.remove_prefix(1);
    while (entry.ends_with(' ')) entry.remove_suffix(1);
    if (entry == "*") return true;
    if (entry.starts_with('.')) entry.remove_prefix(1);
    if (entry.empty()) continue;
    if (host == entry) return true;
    if (host.size() > entry.size() && host.ends_with(entry) &&
        host[host.size() - entry.size() - 1] == '.')
      return true;
  }
  return false;
}

}  // namespace

struct Facts::Files {
  std::optional<support::Json> connection;
  std::optional<support::Ini> ini;
};

Facts::Facts(const std::string& config_folder, Setting setting)
    : folder_(config_folder), setting_(std::move(setting)) {
  files_ = std::make_shared<Files>(Files{support::Json::read(folder_ + "/connection.json"),
                                         support::Ini::read(folder_ + "/jetpack.ini")});
  if (files_->connection && !files_->connection->root().IsObject())
    throw Error(Errc::corrupt, folder_ + "/connection.json, line 1, column 1: expected an object");
}

std::optional<std::string> Facts::ini(std::string_view section, std::string_view key) const {
  return files_->ini ? unless_empty(files_->ini->get(section, key)) : std::nullopt;
}

bool Facts::ini_flag(std::string_view section, std::string_view key) const {
  return is_true(ini(section, key).value_or(""));
}

std::optional<std::string> Facts::file(std::string_view connection_key, std::string_view section,
                                       std::string_view ini_key) const {
  if (files_->connection && !connection_key.empty())
    if (auto text = unless_empty(support::find_string(files_->connection->root(), connection_key)))
      return text;
  return ini(section, ini_key);
}

Identity Facts::identity_from_files() const {
  return {file("cluster", identity_section, "cluster_name").value_or(""),
          ini(identity_section, "node_name").value_or(""),
          ini(identity_section, "instance_id").value_or(""),
          ini(identity_section, "cluster_session_id").value_or("")};
}

std::optional<std::string> Facts::cluster() const {
  if (auto text = file("cluster", identity_section, "cluster_name")) return text;
  return setting_("cyclecloud.cluster.name");
}

std::optional<std::string> Facts::node() const {
  if (auto text = ini(identity_section, "node_name")) return text;
  return setting_("cyclecloud.node.name");
}

std::optional<std::string> Facts::instance() const {
  if (auto text = ini(identity_section, "instance_id")) return text;
  for (const auto key :
       {"cyclecloud.instance.id", "cyclecloud.node.id", "azure.metadata.compute.vmId"})
    if (auto text = setting_(key)) return text;
  return std::nullopt;
}

std::optional<std::string> Facts::username() const {
  if (auto text = file("username", webserver_section, "api_username")) return text;
  return setting_("cyclecloud.config.username");
}

std::optional<std::string> Facts::password() const {
  if (auto text = file("password", webserver_section, "api_password")) return text;
  return setting_("cyclecloud.config.password");
}

Identity Facts::identity() const {
  return {cluster().value_or(""), node().value_or(""), instance().value_or(""),
          ini(identity_section, "cluster_session_id").value_or("")};
}

std::optional<std::string> Facts::fact(std::string_view name) const {
  if (name == "cluster") return cluster();
  if (name == "node") return node();
  if (name == "instance") return instance();
  if (name == "username") return username();
  if (name == "url") return if_configured([&] { return url(); });
  if (name == "broker") return if_configured([&] { return broker().text(); });
  if (name == "transport") return channel() == Channel::amqp ? "amqp" : "https";
  if (name == "userdata") return userdata();
  throw Error(Errc::usage, "there is no fact '" + std::string(name) +
                               "' of a node; known are cluster, node, instance, url, username, "
                               "userdata, broker and transport");
}

template <class Ask>
std::optional<std::string> Facts::if_configured(Ask&& ask) {
  try {
    return ask();
  } catch (const Error& e) {
    if (e.code() == Errc::not_found) return std::nullopt;
    throw;
  }
}

std::optional<std::string> Facts::userdata() const {
  if (auto id = ini(identity_section, "userdata_id")) return id;
  std::string digits;
  for (const char c : instance().value_or("")) {
    if (c == '-') continue;
    digits += c >= 'A' && c <= 'F' ? static_cast<char>(c - 'A' + 'a') : c;
  }
  const bool is_hex = digits.find_first_not_of("0123456789abcdef") == std::string::npos;
  if (digits.size() == userdata_digits && is_hex) return digits;
  if (userdata_seed()) return "";
  return std::nullopt;
}

std::optional<std::string> Facts::userdata_seed() const {
  const auto in_cluster = cluster();
  const auto of_node = node();
  if (!in_cluster || !of_node) return std::nullopt;
  return *in_cluster + '/' + *of_node;
}

std::string Facts::url() const {
  std::string where = folder_ + "/connection.json, \"url\"";
  std::optional<std::string> text;
  if (files_->connection)
    text = unless_empty(support::find_string(files_->connection->root(), "url"));
  if (!text) {
    text = ini(webserver_section, "webserver");
    where = folder_ + "/jetpack.ini, [cycle_server] webserver";
  }
  if (!text) {
    text = setting_("cyclecloud.config.web_server");
    where = "the configuration key cyclecloud.config.web_server";
  }
  if (!text)
    throw Error(Errc::not_found, "no server is configured: neither " + folder_ +
                                     "/connection.json nor jetpack.ini nor the configuration "
                                     "names one; enroll the node or write connection.json");
  const Url url = parse_url(*text, where);
  if (url.scheme == "http" && !url.is_loopback() && !ini_flag(webserver_section, "allow_http"))
    throw Error(Errc::denied, "the server's address in " + where +
                                  " is http, which would show the password to the network; use "
                                  "https, or set [cycle_server] allow_http = true in jetpack.ini");
  return url.text();
}

std::string Facts::ca_file(std::string_view section) const {
  if (auto path = ini(section, "ca_file"))
    return path->starts_with('/') ? *path : folder_ + '/' + *path;
  const std::string usual = folder_ + "/ca.pem";
  return ::access(usual.c_str(), F_OK) == 0 ? usual : "";
}

std::string Facts::proxy(const std::string& server_url) const {
  std::string method;
  if (files_->connection)
    method = support::find_string(files_->connection->root(), "proxy_method").value_or("");
  if (method == "none") return "";
  std::string where = folder_ + "/jetpack.ini, [cycle_server] proxy";
  std::string text = ini(webserver_section, "proxy").value_or("");
  if (method == "environment") {
    const Url server = parse_url(server_url, "the session");
    std::string exempt = environment("no_proxy");
    if (exempt.empty()) exempt = environment("NO_PROXY");
    if (is_exempt(server.host, exempt)) return "";
    const std::string name = server.scheme + "_proxy";
    where = "the environment variable " + name;
    text = environment(name.c_str());
    if (text.empty() && server.scheme == "https") text = environment("HTTPS_PROXY");
  }
  if (text.empty()) return "";
  const Url url = parse_url(text, where);
  if (url.scheme != "http")
    throw Error(Errc::corrupt,
                "the proxy's address in " + where + " is not http, the only kind that is spoken");
  return "http://" + (url.host.find(':') == std::string::npos ? url.host : '[' + url.host + ']') +
         ':' + std::to_string(url.port);
}

Server Facts::server() const {
  Server server;
  server.url = url();
  server.username = username().value_or("");
  server.password = password().value_or("");
  server.ca_file = ca_file(webserver_section);
  server.proxy = proxy(server.url);
  const auto skip = setting_("cyclecloud.skip_ssl_validation");
  server.verify =
      !ini_flag(webserver_section, "skip_ssl_validation") && !is_true(skip.value_or(""));
  return server;
}

BrokerAddress Facts::broker() const {
  const std::string where = folder_ + "/jetpack.ini, [broker] url";
  const auto text = ini(broker_section, "url");
  if (!text)
    throw Error(Errc::not_found,
                "no broker is configured: set [broker] url = "
                "amqps://USER:PASSWORD@HOST:PORT/VHOST in " +
                    folder_ + "/jetpack.ini");
  BrokerAddress address = parse_broker_address(*text, where);
  if (!address.is_tls && !is_loopback(address.host) && !ini_flag(broker_section, "allow_plain"))
    throw Error(Errc::denied, "the broker's address in " + where +
                                  " is amqp, which would show the password to the network; use "
                                  "amqps, or set [broker] allow_plain = true in jetpack.ini");
  address.ca_file = ca_file(broker_section);
  const auto skip = setting_("cyclecloud.skip_ssl_validation");
  address.verify = !ini_flag(broker_section, "skip_ssl_validation") && !is_true(skip.value_or(""));
  return address;
}

std::string Facts::exchange() const { return ini(broker_section, "exchange").value_or("jetpack"); }

Facts::Channel Facts::channel() const {
  std::string where = folder_ + "/jetpack.ini, [cycle_server] transport";
  auto text = ini(webserver_section, "transport");
  if (!text) {
    where = std::string("the configuration key ") + transport_key;
    text = setting_(transport_key);
  }
  if (!text || *text == "https") return Channel::https;
  if (*text == "amqp") return Channel::amqp;
  throw Error(Errc::corrupt,
              "the transport in " + where + " is '" + *text + "'; expected https or amqp");
}

std::vector<std::string> Facts::sources() const {
  std::vector<std::string> paths;
  for (const char* name : {"connection.json", "jetpack.ini", "node.json", "configuration.json",
                           "properties.json", "ca.pem"})
    paths.push_back(folder_ + '/' + name);
  for (const auto section : {webserver_section, broker_section})
    if (auto path = ca_file(section); !path.empty()) paths.push_back(std::move(path));
  return paths;
}

}  // namespace jetpack::session
