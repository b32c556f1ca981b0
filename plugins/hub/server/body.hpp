// Reads the address and the body of a request.
#pragma once

#include <cstddef>
#include <string>

#include <Poco/Net/HTTPServerRequest.h>
#include <Poco/URI.h>

#include "server/request.hpp"

namespace jetpack::hub {

// The address. Throws an HttpError for one that is malformed.
Poco::URI parse_uri(const Poco::Net::HTTPServerRequest& request);
// The decoded parameters of its query. Throws an HttpError.
Parameters query_of(const Poco::URI& uri);

bool has_body(const Poco::Net::HTTPServerRequest& request);

// Throws an HttpError for a body with a length and a transfer encoding: a proxy might go by the
// other one (RFC 9112, section 6.1).
void require_one_length(const Poco::Net::HTTPServerRequest& request);

// The body. Throws an HttpError when it exceeds `most` bytes, has no length, or is compressed.
std::string whole_body(Poco::Net::HTTPServerRequest& request, size_t most);

}  // namespace jetpack::hub
