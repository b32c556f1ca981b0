// Keeps pages of other sites from using the credentials of who looks at them.
#pragma once

#include <string>
#include <string_view>

namespace jetpack::hub {

// What a browser says of where a request comes from; "" where it says nothing, as other clients do.
struct RequestOrigin {
  std::string site;    // Sec-Fetch-Site
  std::string mode;    // Sec-Fetch-Mode
  std::string origin;  // Origin
  std::string host;    // Host
};

// Throws HttpError 403 for a request that a page of another site made, unless it changes nothing
// and only opens a page of ours, as a link does.
void require_same_site(const RequestOrigin& from, bool changes);

// Throws HttpError 415 unless the content is JSON: what a form of another site can send without
// asking is not.
void require_json_content(std::string_view content_type);

}  // namespace jetpack::hub
