// Signatures of Azure Storage: SharedKey for requests, shared access signatures (SAS) for URLs.
//
// The texts that are signed are those of "Authorize with Shared Key", "Create a service SAS" and
// "Create a user delegation SAS" in the REST reference of Azure Storage, for version 2020-12-06.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "support/times.hpp"

namespace jetpack::storage {

// The version whose signatures are made.
inline constexpr std::string_view sas_version = "2020-12-06";

// Sorted by name, as signatures want them.
using Parameters = std::map<std::string, std::string>;

// A request as SharedKey signs it.
struct SignedRequest {
  std::string_view method;
  std::string_view account;
  std::string_view path;      // of the URL, percent-encoded
  const Parameters& query;    // decoded
  const Parameters& headers;  // names in lower case
  uint64_t content_length = 0;
};

// The value of the Authorization header.
std::string shared_key(const SignedRequest& request, std::string_view key);

// What a SAS for one blob allows.
struct SasTerms {
  std::string_view account;
  std::string_view container;
  std::string_view blob;
  support::SystemTime starts;
  support::SystemTime expires;
  std::string_view content_disposition;  // empty: not overridden
  std::string_view content_type;
};

// The query of a URL that reads the blob by https alone, signed with the account's key.
std::string service_sas(const SasTerms& terms, std::string_view key);

// A key that Azure issues to an identity (Get User Delegation Key).
struct DelegationKey {
  std::string object_id;
  std::string tenant_id;
  std::string starts;
  std::string expires;
  std::string service;
  std::string version;
  std::string value;  // decoded
};

// The same, signed with a user delegation key. It expires with the key at the latest.
std::string delegation_sas(const SasTerms& terms, const DelegationKey& key);

}  // namespace jetpack::storage
