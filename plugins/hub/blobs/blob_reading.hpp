// Reads a range of a blob, and describes it in response headers.
#pragma once

#include <cstddef>
#include <functional>
#include <string>

#include <Poco/Net/HTTPServerResponse.h>

#include "blobs/blob_request.hpp"

namespace jetpack::hub {

// Receives a part of a blob; false to stop.
using TakePart = std::function<bool(const char* data, size_t size)>;

// Passes the range to `take` in parts of bounded size. Throws Errc::failed.
void read_range(const OpenBlob& blob, const ByteRange& range, const TakePart& take);

// In base64. Throws a BlobError for a range larger than Azure allows.
std::string range_md5(const OpenBlob& blob, const ByteRange& range);

void set_blob_headers(const BlobProperties& known, const ByteRange& range,
                      const BlobRequest& request, Poco::Net::HTTPServerResponse& response);

}  // namespace jetpack::hub
