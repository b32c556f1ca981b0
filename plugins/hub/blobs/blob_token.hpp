// Access tokens of the simulated managed identity, which the blob store accepts.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "blobs/blob_access.hpp"

namespace jetpack::hub {

// A JSON Web Token for `resource`, signed with the account's key. `subject` is whom it is for.
std::string issue_token(const BlobAccount& account, std::string_view resource,
                        std::string_view subject, int64_t now_seconds, int64_t expires);

// Whether `token` is one of these for storage, and valid now.
bool is_storage_token(const BlobAccount& account, std::string_view token, int64_t now_seconds);

}  // namespace jetpack::hub
