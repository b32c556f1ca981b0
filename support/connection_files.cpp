// config/connection.json and config/jetpack.ini: how this node reaches its server, and as whom.
#include "support/connection_files.hpp"

#include <jetpack/error.hpp>

namespace jetpack::support {

namespace {

constexpr std::string_view server_section = "cycle_server", identity_section = "identity";

std::optional<std::string> unless_empty(std::optional<std::string> text) {
  if (text && text->empty()) return std::nullopt;
  return text;
}

}  // namespace

ConnectionFiles ConnectionFiles::read(const std::string& config_directory) {
  const std::string path = config_directory + "/connection.json";
  ConnectionFiles files;
  files.connection_ = Json::read(path);
  files.ini_ = Ini::read(config_directory + "/jetpack.ini");
  if (files.connection_ && !files.connection_->root().IsObject())
    throw Error(Errc::corrupt, path + ", line 1, column 1: expected an object");
  return files;
}

std::optional<std::string> ConnectionFiles::connection(std::string_view key) const {
  return connection_ ? unless_empty(find_string(connection_->root(), key)) : std::nullopt;
}

std::optional<std::string> ConnectionFiles::ini(std::string_view section,
                                                std::string_view key) const {
  return ini_ ? unless_empty(ini_->get(section, key)) : std::nullopt;
}

std::optional<std::string> ConnectionFiles::cluster() const {
  auto text = connection("cluster");
  return text ? text : ini(identity_section, "cluster_name");
}

std::optional<std::string> ConnectionFiles::node() const {
  return ini(identity_section, "node_name");
}

std::optional<std::string> ConnectionFiles::instance() const {
  return ini(identity_section, "instance_id");
}

std::optional<std::string> ConnectionFiles::session() const {
  return ini(identity_section, "cluster_session_id");
}

std::optional<std::string> ConnectionFiles::url() const {
  auto text = connection("url");
  return text ? text : ini(server_section, "webserver");
}

std::optional<std::string> ConnectionFiles::username() const {
  auto text = connection("username");
  return text ? text : ini(server_section, "api_username");
}

std::optional<std::string> ConnectionFiles::password() const {
  auto text = connection("password");
  return text ? text : ini(server_section, "api_password");
}

}  // namespace jetpack::support
