// How commands query the hub: over HTTPS as the node they run on, or directly on the hub's
// database as its administrator.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include <rapidjson/document.h>

#include <jetpack/call.hpp>
#include "server/request.hpp"

namespace jetpack::hub {

class HubClient {
 public:
  // As the administrator when --data or --database is given, else as the node.
  static HubClient either(const Call& call);
  // As the administrator, on the database of --database, --data or the directory "hub" of the home
  // tree, where a hub must have run.
  static HubClient administrator(const Call& call);

  // The answer to GET, as a JSON object. Throws when it is an error.
  rapidjson::Document get(const std::string& path, const Parameters& query) const;
  // The answer to POST of a JSON object.
  rapidjson::Document post(const std::string& path, const std::string& body) const;

  // The cluster of the node; "" for the administrator.
  const std::string& own_cluster() const { return own_cluster_; }

 private:
  struct Reply {
    int status;
    std::string body;
  };
  using Send = std::function<Reply(const Request& request)>;

  HubClient(Send send, std::string where, std::string own_cluster)
      : send_(std::move(send)), where_(std::move(where)), own_cluster_(std::move(own_cluster)) {}

  rapidjson::Document ask(const Request& request) const;

  Send send_;
  std::string where_;  // "the hub at https://..."
  std::string own_cluster_;
};

}  // namespace jetpack::hub
