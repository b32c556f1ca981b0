// Who this node is and how it reaches its server, from the three places that may say so.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "services/node/addresses.hpp"
#include "support/settings.hpp"

namespace jetpack {
class ModuleHost;
namespace support {
class ConnectionFiles;
}
}  // namespace jetpack

namespace jetpack::node {

// Hex digits of the id in /clusterlink/userdata/ID.
inline constexpr size_t userdata_digits = 32;

// What this node calls itself in messages. Empty: unknown.
struct Identity {
  std::string cluster;
  std::string node;
  std::string instance;
  std::string session;  // cluster_session_id
};

// A text of the node's configuration by dotted key; nullopt when it is unset or empty.
using Setting = std::function<std::optional<std::string>(std::string_view key)>;

// config/connection.json, config/jetpack.ini and the configuration, in this order of precedence.
// The files are read by the constructor; the configuration is asked only for what they lack,
// because reading it means parsing the whole of node.json. PROTOCOL.md lists the keys.
class NodeSettings {
 public:
  // An invalid flag or transport is passed to `warn`, and its default is used. Throws Errc::corrupt
  // with file, line and column, or Errc::denied.
  NodeSettings(const std::string& config_directory, Setting setting, support::SettingWarning warn);

  // What the two files say, without asking the configuration.
  Identity identity_from_files() const;
  Identity identity() const;

  // One of those that jp_session.identity lists; nullopt when unknown. "userdata" is empty when the
  // id is derived from userdata_seed().
  std::optional<std::string> fact(std::string_view name) const;

  // "cluster/node", when both are known.
  std::optional<std::string> userdata_seed() const;

  // Throws Errc::not_found when no server is configured, Errc::corrupt for an address that cannot
  // be used, naming the key.
  Server server() const;

  // The proxy on the way to `url`, as proxy.hpp writes it; empty: none. Throws Errc::corrupt.
  std::string proxy(const std::string& url) const;

  // Throws Errc::not_found when no broker is configured, Errc::corrupt or denied for an address
  // that cannot be used, naming the key.
  BrokerAddress broker() const;
  // Where this node's messages go at the broker.
  std::string exchange() const;

  // Where messages go.
  Route message_route() const;

  // The files that were read, and those that they name: when one of them changes, so may the
  // settings.
  std::vector<std::string> sources() const;

 private:
  std::optional<std::string> ini(std::string_view section, std::string_view key) const;
  bool ini_flag(std::string_view section, std::string_view key) const;
  // Whether certificates are checked.
  bool verifies(std::string_view section) const;
  std::optional<std::string> cluster() const;
  std::optional<std::string> node() const;
  std::optional<std::string> instance() const;
  std::optional<std::string> username() const;
  std::optional<std::string> password() const;
  std::string url() const;
  std::string ca_file(std::string_view section) const;
  std::optional<std::string> userdata() const;
  template <class Ask>
  static std::optional<std::string> if_configured(Ask&& ask);

  std::string directory_;
  Setting setting_;
  support::SettingWarning warn_;
  std::shared_ptr<const support::ConnectionFiles> files_;
};

// Those of the node that `host` runs on.
NodeSettings node_settings(const ModuleHost& host);

}  // namespace jetpack::node
