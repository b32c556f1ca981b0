// What was requested, and by whom: GET /operations, as the public documentation has it.
#pragma once

#include <string>
#include <string_view>

#include "server/request.hpp"
#include "store/operation_table.hpp"
#include "support/json_writer.hpp"

namespace jetpack::hub {

struct Scene;

// What responds to a request for an operation on nodes: {"operationId","nodes":[{"id","name","status",
// "error"}]}.
std::string operation_answer(const Operation& operation);

// The members that the documentation has, "action" and "startTime", and more.
void write_operation(support::Object& object, const Operation& operation);

// The cluster's operation with this id, or that of the request with this id; an empty text stands for
// any. Throws HttpError 404.
Operation find_operation(SqlSession& session, const std::string& cluster, const std::string& id,
                         const std::string& request_id);

// Throws HttpError 409 when the cluster has an operation with the same request id: a request that is
// repeated because its response was lost must not be carried out twice.
void require_new_request(SqlSession& session, const Operation& operation);

// The list, newest first, or the one with the id.
Response list_operations_of_account(const Scene& scene, const Request& request);
Response show_operation(const Scene& scene, const Request& request);

}  // namespace jetpack::hub
