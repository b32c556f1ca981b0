// The hub's blob store as the nodes' locker: who reaches which blobs, and for how long.
#pragma once

#include <string>
#include <string_view>

#include "blobs/blob_access.hpp"
#include "blobs/blob_names.hpp"
#include "blobs/blob_store.hpp"
#include "common/data_directory.hpp"
#include "server/request.hpp"

namespace jetpack::hub {

// The hub's account. Its key is created at the first call, readable by its owner only, and never
// given to anybody.
BlobAccount ensure_blob_account(const DataDirectory& data);

// The stored access policy that every SAS of a node names.
std::string access_policy(const Account& node);
// Whether it is that of a node's account as it is now: it ends when the node is removed, and when
// it is enrolled again.
bool is_policy_in_force(Database& database, std::string_view policy);

// Gives each node what it may do with blobs: read the software of its cluster, and create reports
// of its own.
class Locker {
 public:
  // `endpoint`: "https://head:9444/jetpackhub".
  Locker(BlobStore& store, BlobAccount account, std::string endpoint);

  // Responds to GET /clusterlink/locker.
  Response describe(const Request& request) const;
  // Responds to POST /clusterlink/sign: a URL that reads one report of the node. It outlives the
  // node, to be looked at afterwards.
  Response sign(const Request& request) const;

 private:
  BlobStore& store_;
  BlobAccount account_;
  std::string endpoint_;
};

}  // namespace jetpack::hub
