// Access tokens of the simulated managed identity, which the blob store accepts.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "blobs/blob_access.hpp"

namespace jetpack::hub {

// Whom a token is for, and the container that it opens, as a role of the identity would.
struct TokenSubject {
  std::string name, container;
};

// A JSON Web Token for `resource`, signed with the account's key.
std::string issue_token(const BlobAccount& account, std::string_view resource,
                        const TokenSubject& subject, int64_t now_seconds, int64_t expires);

// The container that `token` opens; nullopt unless it is one of these for storage, and valid now.
std::optional<std::string> container_of_token(const BlobAccount& account, std::string_view token,
                                              int64_t now_seconds);

}  // namespace jetpack::hub
