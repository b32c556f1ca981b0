// GET /api/account: who asks, and what the page may offer them.
#include "server/account_api.hpp"

#include "server/routes.hpp"
#include "support/json_writer.hpp"

namespace jetpack::hub {

Response describe_account(const Scene& /*scene*/, const Request& request) {
  return {
      200, support::json_object([&](support::Object& object) {
        object.text("name", request.account.name).text("role", to_text(caller_of(request.account)));
      })};
}

}  // namespace jetpack::hub
