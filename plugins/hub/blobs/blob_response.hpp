// Sends the responses of the blob store.
#pragma once

#include <string>

#include <Poco/Net/HTTPServerResponse.h>

#include "blobs/blob_error.hpp"
#include "blobs/blob_request.hpp"

namespace jetpack::hub {

// A response without a body.
void finish(Poco::Net::HTTPServerResponse& response, int status);

void send_xml(Poco::Net::HTTPServerResponse& response, int status, const std::string& xml);

// Of the content of a request, as its headers have them.
struct ContentChecksums {
  std::string md5;
  std::string crc64;
};

// Answers with the CRC64 when the request has one, else with the MD5. Throws a BlobError when the
// request's is another, or it has both.
void set_content_checksum(const BlobRequest& request, const ContentChecksums& found,
                          Poco::Net::HTTPServerResponse& response);

// Unless a response has begun.
void send_error(Poco::Net::HTTPServerResponse& response, const std::string& request_id,
                const BlobError& error);

}  // namespace jetpack::hub
