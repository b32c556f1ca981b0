// Sends the responses of the blob store.
#include "blobs/blob_response.hpp"

#include "blobs/blob_xml.hpp"
#include "common/text.hpp"
#include "support/times.hpp"

namespace jetpack::hub {

namespace net = Poco::Net;

void finish(net::HTTPServerResponse& response, int status) {
  response.setStatusAndReason(static_cast<net::HTTPResponse::HTTPStatus>(status));
  response.setContentLength64(0);
  response.send();
}

void send_xml(net::HTTPServerResponse& response, int status, const std::string& xml) {
  response.setStatusAndReason(static_cast<net::HTTPResponse::HTTPStatus>(status));
  response.setContentType("application/xml");
  response.sendBuffer(xml.data(), xml.size());
}

void set_content_checksum(const BlobRequest& request, const ContentChecksums& found,
                          net::HTTPServerResponse& response) {
  const std::string_view md5 = request.header("content-md5");
  const std::string_view crc64 = request.header("x-ms-content-crc64");
  if (!md5.empty() && !crc64.empty())
    throw BlobError(400, "InvalidHeaderValue", "content has either Content-MD5 or a CRC64");
  if (!md5.empty() && md5 != found.md5)
    throw BlobError(400, "Md5Mismatch", "the content does not match Content-MD5");
  if (!crc64.empty() && crc64 != found.crc64)
    throw BlobError(400, "Crc64Mismatch", "the content does not match x-ms-content-crc64");
  if (crc64.empty()) {
    response.set("Content-MD5", found.md5);
  } else {
    response.set("x-ms-content-crc64", found.crc64);
  }
}

void send_error(net::HTTPServerResponse& response, const std::string& request_id,
                const BlobError& error) {
  if (response.sent()) return;
  response.set("x-ms-error-code", error.code());
  if (error.status() == 304) return finish(response, 304);
  if (error.status() == 401) response.set("WWW-Authenticate", "SharedKey");
  send_xml(
      response, error.status(),
      error_xml(error.code(), std::string(error.what()) + "\nRequestId:" + request_id +
                                  "\nTime:" + support::iso_8601(support::from_unix_ms(now_ms()))));
}

}  // namespace jetpack::hub
