// What the hub expects of browsers, and tells them.
#include "server/browser.hpp"

namespace jetpack::hub {

namespace net = Poco::Net;

RequestOrigin origin_of(const net::HTTPServerRequest& request) {
  return {request.get("Sec-Fetch-Site", ""), request.get("Sec-Fetch-Mode", ""),
          request.get("Origin", ""), request.get("Host", "")};
}

void add_security_headers(net::HTTPServerResponse& response) {
  response.set("X-Content-Type-Options", "nosniff");
  response.set("X-Frame-Options", "DENY");
  response.set("Referrer-Policy", "no-referrer");
  response.set("Cross-Origin-Resource-Policy", "same-origin");
  response.set("Cross-Origin-Opener-Policy", "same-origin");
  response.set("Content-Security-Policy",
               "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
               "connect-src 'self'; base-uri 'none'; form-action 'none'; "
               "frame-ancestors 'none'");
}

bool lead_to_sign_in(const net::HTTPServerRequest& request, const Poco::URI& uri,
                     net::HTTPServerResponse& response) {
  const std::string mode = request.get("Sec-Fetch-Mode", "");
  const bool is_opened =
      mode == "navigate" ||
      (mode.empty() && request.get("Accept", "").find("text/html") != std::string::npos);
  if (!is_opened) return false;
  std::string next;
  Poco::URI::encode(uri.getPathAndQuery(), "?#&=+%/:", next);
  response.set("Location", "/sign-in?next=" + next);
  response.setStatusAndReason(net::HTTPResponse::HTTP_SEE_OTHER);
  return true;
}

void add_challenge(const net::HTTPServerRequest& request, net::HTTPServerResponse& response) {
  const std::string mode = request.get("Sec-Fetch-Mode", "");
  if (mode.empty() || mode == "navigate")
    response.set("WWW-Authenticate", "Basic realm=\"jetpack hub\", charset=\"UTF-8\"");
}

}  // namespace jetpack::hub
