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

// The MD5 or CRC64 of a range as a header, where the request asks for one. Throws a BlobError when it
// asks for both, or for a range larger than Azure allows.
void set_range_checksum(const OpenBlob& blob, const ByteRange& range, const BlobRequest& request,
                        Poco::Net::HTTPServerResponse& response);

void set_blob_headers(const BlobProperties& known, const ByteRange& range,
                      const BlobRequest& request, Poco::Net::HTTPServerResponse& response);

}  // namespace jetpack::hub
