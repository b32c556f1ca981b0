// rest.hpp: the documented addresses that a node or a scheduler uses: clusters, nodes, scaling,
// operations, and the address of old autostop scripts.
#pragma once

#include "database.hpp"
#include "request.hpp"

#include <optional>

namespace hub {

// nullopt when the path is none of these. A change that carries an Idempotency-Key is made once
// for the account; a repetition gets the first answer.
std::optional<Answer> answer_rest(Database& database, const Request& request);

}  // namespace hub
