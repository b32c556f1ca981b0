// What an answer of the Blob service means.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <jetpack/error.hpp>
#include "services/http/client.hpp"
#include "services/storage/azure.hpp"

namespace jetpack::storage {

// Whether another credential may help.
bool is_refusal(const http::Response& reply);
// The error for a refusal when none helps; `why` there is no other credential.
Error refused(const Description& locker, const http::Response& reply, const std::string& why);

// The error for a status that is none of those that were expected.
Error unexpected(const http::Response& reply);

// Throws what is neither an answer nor a refusal.
void check_answer(const http::Response& reply);

// What a server says that does not know a header: with 400, 501, or as Azurite does.
bool is_unsupported(const http::Response& reply);

constexpr std::string_view damaged_upload = "what was sent was damaged on the way";
// Throws http::Retryable when the locker has found that what was sent does not have its checksum.
void check_arrival(const http::Response& reply);

// Throws unless the reply holds the bytes that were asked for, of the blob that was asked for;
// returns their end.
uint64_t check_range(const http::Response& reply, const BlobInfo& blob, uint64_t begin,
                     uint64_t end);

// The number that a header holds. Throws Errc::corrupt.
uint64_t decimal(std::string_view text);

}  // namespace jetpack::storage
