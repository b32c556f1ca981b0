// Access checks for the hub's blobs: Azure Storage SharedKey and service SAS, as its REST
// reference documents them.
#pragma once

#include <cstdint>
#include <functional>
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

// Whether a stored access policy (`si`) is in force. Each SAS of a node names the node's, and ends
// with it.
using IsPolicyInForce = std::function<bool(const std::string& policy)>;

// Checks the request's signature and validity. `client` is the address of the client. The
// connection is TLS. Throws a BlobError.
BlobGrant check_blob_access(const BlobAccount& account, const BlobRequest& request,
                            const std::string& client, int64_t now_seconds,
                            const IsPolicyInForce& is_in_force);

// What a SAS is for: a container, everything in a directory of it, or one blob.
struct SasTerms {
  enum class Resource { container, directory, blob };
  Resource resource = Resource::container;
  std::string container;
  std::string path;                               // of the directory or blob
  std::string permissions;                        // in the order of "racwdl"
  std::string policy;                             // "": none
  std::string content_disposition, content_type;  // of the responses; "": the blob's own
  int64_t now = 0, expires = 0;                   // Unix seconds
};

// A SAS, https only, from fifteen minutes ago, as the query of a URL.
std::string sign_sas(const BlobAccount& account, const SasTerms& terms);

}  // namespace jetpack::hub
