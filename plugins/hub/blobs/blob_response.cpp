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
