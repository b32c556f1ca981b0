// The hub's blob store as the nodes' locker: the account, and GET /clusterlink/locker.
#pragma once

#include <string>

#include "blobs/blob_access.hpp"
#include "common/data_directory.hpp"
#include "server/request.hpp"

namespace jetpack::hub {

// The container that is the locker of every node.
inline constexpr const char* locker_container = "locker";

// The hub's account. Its key is created at the first call, readable by its owner only.
BlobAccount ensure_blob_account(const DataDirectory& data);

// Responds to GET /clusterlink/locker.
class Locker {
 public:
  // `endpoint`: "https://head:9444/jetpackhub". `gives_key`: nodes get the account's key, so that
  // they can sign, in place of a SAS.
  Locker(BlobAccount account, std::string endpoint, bool gives_key);

  // Only for nodes. Throws an HttpError.
  Response answer(const Request& request) const;

 private:
  BlobAccount account_;
  std::string endpoint_;
  bool gives_key_;
};

}  // namespace jetpack::hub
