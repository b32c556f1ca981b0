// Requests to the hub and its answers, independent of HTTP.
#include "server/request.hpp"

namespace jetpack::hub {

void require_method(const std::string& method, const std::string& wanted) {
  if (method == wanted || (wanted == "GET" && method == "HEAD")) return;
  throw HttpError(405, "use " + wanted, wanted);
}

void require_sight(const Account& account, const std::string& cluster) {
  if (account.role == Role::admin || account.cluster == cluster) return;
  throw HttpError(403, "a node can only access its own cluster, '" + account.cluster + "'");
}

std::string parameter(const Parameters& query, std::string_view name) {
  for (const auto& [key, value] : query)
    if (key == name) return value;
  return {};
}

}  // namespace jetpack::hub
