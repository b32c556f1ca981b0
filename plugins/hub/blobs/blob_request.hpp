// Parses requests to the blob store.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include <Poco/Net/HTTPServerRequest.h>

#include "blobs/blob_file.hpp"

namespace jetpack::hub {

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

// Throws a BlobError for a malformed request.
BlobRequest read_blob_request(const Poco::Net::HTTPServerRequest& asked);

// Checks the conditional headers against the blob (nullptr: there is none). Throws a BlobError when
// they do not hold.
void check_conditions(const BlobRequest& request, const BlobProperties* blob, bool is_read);

struct ByteRange {
  uint64_t first = 0, size = 0;
  bool is_part = false;
};

// "bytes=FIRST-[LAST]" of x-ms-range or Range; an invalid range is ignored. Throws a BlobError for
// one that begins beyond the blob's end.
ByteRange range_of(const BlobRequest& request, uint64_t bytes);

// The properties that a Put sets. `is_whole`: of Put Blob, whose plain headers count too.
BlobProperties properties_in(const BlobRequest& request, bool is_whole);

// The query's maxresults, within what the store allows. Throws a BlobError.
size_t max_results_of(const BlobRequest& request);

}  // namespace jetpack::hub
