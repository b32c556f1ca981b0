// Keeps nodes from being stopped when idle, for an administrator: POST /clusters/C/nodes/keepalive.
#include "server/keepalive_api.hpp"

#include <string>
#include <vector>

#include "common/json.hpp"
#include "common/text.hpp"
#include "server/once.hpp"
#include "server/operations_api.hpp"
#include "server/routes.hpp"
#include "store/message_table.hpp"
#include "store/node_table.hpp"
#include "store/operation_table.hpp"
#include "support/json.hpp"

namespace jetpack::hub {

namespace {

constexpr size_t max_names = 10'000;
constexpr size_t max_text = 4096;

std::vector<std::string> names_in(const rapidjson::Value& body) {
  const auto* list = support::find_member(body, "names");
  if (list == nullptr || !list->IsArray() || list->Empty() || list->Size() > max_names)
    throw HttpError(400,
                    "'names' must be an array of 1 to " + std::to_string(max_names) + " names");
  std::vector<std::string> names;
  for (const auto& name : list->GetArray()) {
    if (!support::is_string(name)) throw HttpError(400, "'names' must be an array of strings");
    names.emplace_back(support::text_of(name));
  }
  return names;
}

std::string event_text(const std::string& until, const Operation& operation) {
  std::string text = until == "none" ? "keep-alive canceled" : "kept alive until " + until;
  text += " by " + (operation.account.empty() ? "the hub" : operation.account);
  if (!operation.reason.empty()) text += ": " + operation.reason;
  return text;
}

}  // namespace

Response keep_alive(const Scene& scene, const Request& request) {
  const std::string& cluster = request.names[0];
  const auto body = parse_object(request.body);
  if (!body) throw HttpError(400, "the body must be a JSON object");
  const int64_t until = read_keepalive(*body);
  const std::string text = text_of_member(*body, "until", max_text);
  NodeSelection selection;
  selection.names = names_in(*body);
  Operation operation;
  operation.cluster = cluster;
  operation.action = "keepalive";
  operation.reason = text_of_member(*body, "reason", max_text);
  operation.account = request.account.name;
  return once(scene.database, request, "keeping nodes alive", [&](Transaction& transaction) {
    SqlSession& session = transaction.session();
    const Selected selected = select_nodes(session, cluster, selection);
    for (const auto& node : selected.nodes) {
      execute(session, "UPDATE nodes SET keepalive_until = $1 WHERE cluster = $2 AND name = $3",
              until, cluster, node.name);
      add_event(transaction, cluster, node.name, event_text(text, operation), now_ms());
      transaction.changed("node", cluster, node.name);
    }
    return Response{202, operation_answer(operate(transaction, operation, selected))};
  });
}

}  // namespace jetpack::hub
