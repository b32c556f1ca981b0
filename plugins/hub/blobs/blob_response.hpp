// Sends the responses of the blob store.
#pragma once

#include <string>

#include <Poco/Net/HTTPServerResponse.h>

#include "blobs/blob_error.hpp"

namespace jetpack::hub {

// A response without a body.
void finish(Poco::Net::HTTPServerResponse& response, int status);

void send_xml(Poco::Net::HTTPServerResponse& response, int status, const std::string& xml);

// Unless a response has begun.
void send_error(Poco::Net::HTTPServerResponse& response, const std::string& request_id,
                const BlobError& error);

}  // namespace jetpack::hub
