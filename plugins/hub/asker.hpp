// asker.hpp: how the commands ask: the hub that the home names, as the node they run on; or the
// hub's own database, as its keeper.
#pragma once

#include "json.hpp"
#include "request.hpp"

#include <jetpack/call.hpp>

#include <functional>
#include <string>
#include <string_view>

namespace hub {

class Asker {
 public:
  // The keeper's when --data or --database is given, else the node's.
  static Asker either(const jetpack::Call& call);
  // The keeper's: of --database, --data or the folder "hub" of the home tree, in which a hub must
  // have run.
  static Asker keeper(const jetpack::Call& call);

  // The answer to GET, as a JSON object. Throws when it is an error.
  rapidjson::Document get(const std::string& path, const Parameters& query) const;
  // The answer to POST of a JSON object.
  rapidjson::Document post(const std::string& path, const std::string& body) const;

  // What a node may see when it names no cluster; "" for the keeper.
  const std::string& own_cluster() const { return own_cluster_; }

 private:
  struct Reply {
    int status;
    std::string body;
  };
  using Exchange = std::function<Reply(const Request& request)>;

  Asker(Exchange exchange, std::string where, std::string own_cluster)
      : exchange_(std::move(exchange)),
        where_(std::move(where)),
        own_cluster_(std::move(own_cluster)) {}

  rapidjson::Document ask(const Request& request) const;

  Exchange exchange_;
  std::string where_;  // "the hub at https://..."
  std::string own_cluster_;
};

}  // namespace hub
