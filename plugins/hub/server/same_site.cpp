// Keeps pages of other sites from using the credentials of who looks at them.
#include "server/same_site.hpp"

#include "server/request.hpp"
#include "support/text.hpp"

namespace jetpack::hub {

void require_same_site(const RequestOrigin& from, bool changes) {
  const bool is_other_site =
      !from.site.empty() && from.site != "same-origin" && from.site != "none";
  const bool is_other_origin = !from.origin.empty() && from.origin != "https://" + from.host;
  if (!is_other_site && !is_other_origin) return;
  if (is_other_site && !is_other_origin && !changes && from.mode == "navigate") return;
  throw HttpError(403, "requests from pages of other sites are rejected");
}

void require_json_content(std::string_view content_type) {
  const std::string_view type = support::trimmed(content_type.substr(0, content_type.find(';')));
  if (support::lower_case(type) == "application/json") return;
  throw HttpError(415, "the header Content-Type must be application/json");
}

}  // namespace jetpack::hub
