// Connections to the server with libcurl.
#include <jetpack/boundary.hpp>
#include "services/http/client.hpp"
#include "services/session/https_connection.hpp"

namespace jetpack::session {

namespace {

class CurlConnection : public HttpsConnection {
 public:
  explicit CurlConnection(const ServerParameters& server)
      : url_(boundary::view(server.url)), authorization_(basic_authorization(server)) {
    settings_.ca_file = boundary::view(server.ca_file);
    settings_.ca_advice = "put its CA into config/ca.pem, or set skip_ssl_validation";
    settings_.proxy = boundary::view(server.proxy);
    settings_.verify = server.verify != 0;
    settings_.http2 = true;
  }

  HttpsResponse exchange(const RequestParameters& parameters) override;

 private:
  http::Request request_of(const RequestParameters& parameters) const;

  std::string url_;
  std::string authorization_;
  http::Settings settings_;
  http::Client client_;
};

http::Request CurlConnection::request_of(const RequestParameters& parameters) const {
  http::Request request;
  request.method = boundary::view(parameters.method);
  request.url = url_ + std::string(boundary::view(parameters.path));
  request.body = boundary::view(parameters.body);
  request.headers = {{"accept", "application/json, */*"}};
  if (!authorization_.empty()) request.headers["authorization"] = authorization_;
  if (!request.body.empty())
    request.headers["content-type"] = boundary::view(parameters.content_type);
  for (size_t i = 0; i < parameters.header_count; ++i)
    request.headers[std::string(boundary::view(parameters.headers[i].name))] =
        boundary::view(parameters.headers[i].value);
  return request;
}

HttpsResponse CurlConnection::exchange(const RequestParameters& parameters) {
  settings_.longest = std::chrono::milliseconds{parameters.timeout_ms};
  std::string body;
  const auto take = [&](const http::Response&, std::string_view piece) {
    if (body.size() + piece.size() > parameters.max_reply)
      throw Error(Errc::unavailable, "the server at " + url_ + " answered more than " +
                                         std::to_string(parameters.max_reply) + " bytes");
    body += piece;
  };
  http::Response response = client_.perform(settings_, request_of(parameters), 0, take);
  if (body.empty()) body = response.body.substr(0, parameters.max_reply);
  return {response.status, response.header("retry-after"), response.header("date"),
          std::move(body)};
}

}  // namespace

std::unique_ptr<HttpsConnection> open_connection(const ServerParameters& server) {
  return std::make_unique<CurlConnection>(server);
}

}  // namespace jetpack::session
