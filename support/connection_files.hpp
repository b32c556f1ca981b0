// config/connection.json and config/jetpack.ini: how this node reaches its server, and as whom.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "support/ini.hpp"
#include "support/json.hpp"

namespace jetpack::support {

// Where both files say it, connection.json counts. An empty text is as if there were none.
class ConnectionFiles {
 public:
  // Throws Errc::corrupt with file, line and column, or Errc::denied.
  static ConnectionFiles read(const std::string& config_directory);

  std::optional<std::string> cluster() const;
  std::optional<std::string> node() const;
  std::optional<std::string> instance() const;
  std::optional<std::string> session() const;  // cluster_session_id
  std::optional<std::string> url() const;
  std::optional<std::string> username() const;
  std::optional<std::string> password() const;

  // A key of one of the files.
  std::optional<std::string> connection(std::string_view key) const;
  std::optional<std::string> ini(std::string_view section, std::string_view key) const;

 private:
  std::optional<Json> connection_;
  std::optional<Ini> ini_;
};

}  // namespace jetpack::support
