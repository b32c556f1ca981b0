// Access checks for the hub's blobs: Azure Storage SharedKey and service SAS, as its REST
// reference documents them.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace jetpack::hub {

// The one storage account of a hub.
struct BlobAccount {
  std::string name;
  std::string key;  // base64
};

// A request to the blob store, before it is allowed.
struct BlobRequest {
  std::string method;
  std::string raw_path;                        // as it was sent: "/jetpackhub/locker/a%20b"
  std::string account, container, blob;        // decoded; "" for what the path does not name
  std::map<std::string, std::string> query;    // names in lower case, values decoded
  std::map<std::string, std::string> headers;  // names in lower case

  std::string_view parameter(std::string_view name) const;
  std::string_view header(std::string_view name) const;
};

// What a request may do.
struct BlobGrant {
  bool is_owner = false;    // the account's key: everything
  std::string permissions;  // of a SAS: letters of "racwdl"

  bool allows(char permission) const;
};

// Checks the request's signature at this time. `client` is the address it comes from. The
// connection is TLS. Throws a BlobRefusal.
BlobGrant check_blob_access(const BlobAccount& account, const BlobRequest& request,
                            const std::string& client, int64_t now_seconds);

// A SAS for all blobs of a container, https only, from fifteen minutes ago until `expires` (Unix
// seconds).
std::string sign_container(const BlobAccount& account, const std::string& container,
                           const std::string& permissions, int64_t now_seconds, int64_t expires);

}  // namespace jetpack::hub
