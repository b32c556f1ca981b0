// A node's configuration: GET /clusterlink/userdata/ID.
#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <unordered_map>

#include "server/request.hpp"
#include "store/contact_table.hpp"

namespace jetpack::hub {

struct Scene;

// The versions that were the newest of nodes when last computed, so that the many requests of nodes
// that have them cost little. Each counts for one revision of the database alone. May be used from
// any thread.
class NewestVersions {
 public:
  // Whether this request, of a node, was answered before with: nothing is newer, and nothing is to
  // be noted.
  bool has(const Request& request);
  void remember(const Request& request);

 private:
  struct Known {
    int64_t revision = 0;
    std::string id, version, agent;
    bool operator==(const Known&) const = default;
  };
  static Known known_by(const Request& request);

  std::mutex mutex_;
  std::unordered_map<int64_t, Known> by_account_;
};

// What a request of this path says of the node: GET
// /clusterlink/userdata/ID?interval=SECONDS&booted=SECONDS.
Poll poll_of(const std::string& path, const Parameters& query);

// A node that names the newest version has applied it, and is ready. Throws an HttpError.
Response userdata_response(const Scene& scene, const Request& request);

}  // namespace jetpack::hub
