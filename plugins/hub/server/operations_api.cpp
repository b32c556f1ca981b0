#include "server/operations_api.hpp"

#include <utility>
#include <vector>

#include "server/routes.hpp"
#include "support/text.hpp"

namespace jetpack::hub {

namespace {

constexpr int64_t max_operations = 100;

void write_nodes(support::Object& object, const Operation& operation) {
  object.list("nodes", operation.nodes, [](support::JsonWriter& writer, const OperationNode& node) {
    support::Object(writer)
        .text("id", node.node_id)
        .text("name", node.node)
        .text("status", node.status)
        .text("error", node.error);
  });
}

}  // namespace

std::string operation_answer(const Operation& operation) {
  return support::json_object([&](support::Object& object) {
    object.text("operationId", operation.id);
    write_nodes(object, operation);
  });
}

void write_operation(support::Object& object, const Operation& operation) {
  object.text("operationId", operation.id)
      .text("requestId", operation.request_id)
      .text("cluster", operation.cluster)
      .text("action", operation.action)
      .text("reason", operation.reason)
      .text("requestedBy", operation.account)
      .time("startTime", operation.created)
      .text("status", "Done");
  write_nodes(object, operation);
}

Operation find_operation(SqlSession& session, const std::string& cluster, const std::string& id,
                         const std::string& request_id) {
  auto found = list_operations(session, cluster, id, request_id, 1);
  if (!found.empty()) return std::move(found.front());
  // Callers look for the first words.
  throw HttpError(404, "No operation found for " +
                           (request_id.empty() ? "id " + support::one_line(id)
                                               : "request id " + support::one_line(request_id)));
}

void require_new_request(SqlSession& session, const Operation& operation) {
  if (operation.request_id.empty() ||
      list_operations(session, operation.cluster, "", operation.request_id, 1).empty())
    return;
  throw HttpError(409, "a request with this requestId was handled already; 'GET /clusters/" +
                           operation.cluster + "/nodes?request_id=' lists its nodes");
}

Response list_operations_of_account(const Scene& scene, const Request& request) {
  const auto operations = scene.database.read("reading operations", [&](SqlSession& session) {
    return list_operations(session, request.account.cluster, "",
                           parameter(request.query, "request_id"), max_operations);
  });
  return {200, support::json_array(operations,
                                   [](support::JsonWriter& writer, const Operation& operation) {
                                     support::Object object(writer);
                                     write_operation(object, operation);
                                   })};
}

Response show_operation(const Scene& scene, const Request& request) {
  const auto operation = scene.database.read("reading an operation", [&](SqlSession& session) {
    return find_operation(session, request.account.cluster, request.names[0],
                          parameter(request.query, "request_id"));
  });
  return {200, support::json_object(
                   [&](support::Object& object) { write_operation(object, operation); })};
}

}  // namespace jetpack::hub
