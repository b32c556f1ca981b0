// Access checks for the hub's blobs: Azure Storage SharedKey and service SAS, as its REST
// reference documents them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "blobs/blob_request.hpp"

namespace jetpack::hub {

// The one storage account of a hub.
struct BlobAccount {
  std::string name;
  std::string key;  // base64
};

// What a request may do.
struct BlobGrant {
  bool is_owner = false;    // the account's key: everything
  std::string permissions;  // of a SAS: letters of "racwdl"

  bool allows(char permission) const;
};

// Checks the request's signature and validity. `client` is the address of the client. The
// connection is TLS. Throws a BlobError.
BlobGrant check_blob_access(const BlobAccount& account, const BlobRequest& request,
                            const std::string& client, int64_t now_seconds);

// A SAS for all blobs of a container, https only, from fifteen minutes ago until `expires` (Unix
// seconds).
std::string sign_container(const BlobAccount& account, const std::string& container,
                           const std::string& permissions, int64_t now_seconds, int64_t expires);

}  // namespace jetpack::hub
