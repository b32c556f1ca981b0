// Requests to the hub and its answers, independent of HTTP.
#include "server/request.hpp"

namespace jetpack::hub {

void require_sight(const Account& account, const std::string& cluster) {
  if (account.role != Role::node || account.cluster == cluster) return;
  throw HttpError(403, "a node can only access its own cluster, '" + account.cluster + "'");
}

bool sees_configuration(const Account& account, std::string_view node) {
  return account.role == Role::admin ||
         (account.role == Role::node && (account.is_scheduler || account.node == node));
}

bool sees_properties(const Account& account, std::string_view node) {
  return account.role == Role::viewer || sees_configuration(account, node);
}

std::string parameter(const Parameters& query, std::string_view name) {
  for (const auto& [key, value] : query)
    if (key == name) return value;
  return {};
}

}  // namespace jetpack::hub
