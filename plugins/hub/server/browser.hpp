// What the hub expects of browsers, and tells them.
#pragma once

#include <Poco/Net/HTTPServerRequest.h>
#include <Poco/Net/HTTPServerResponse.h>
#include <Poco/URI.h>

#include "server/same_site.hpp"

namespace jetpack::hub {

RequestOrigin origin_of(const Poco::Net::HTTPServerRequest& request);

// For every response: the page loads nothing from elsewhere, and is loaded by nothing elsewhere.
void add_security_headers(Poco::Net::HTTPServerResponse& response);

// Redirects a browser that opens `uri` to the sign-in page; false for all other requests.
bool lead_to_sign_in(const Poco::Net::HTTPServerRequest& request, const Poco::URI& uri,
                     Poco::Net::HTTPServerResponse& response);

// Asks for HTTP Basic, unless a script of our page asked, which would make the browser show a
// dialog of its own.
void add_challenge(const Poco::Net::HTTPServerRequest& request,
                   Poco::Net::HTTPServerResponse& response);

}  // namespace jetpack::hub
