// The operations table: what was requested for which nodes, and by whom.
#include "store/operation_table.hpp"

#include <algorithm>
#include <array>

#include "common/json.hpp"
#include "common/text.hpp"
#include "store/contact_table.hpp"
#include "store/message_table.hpp"
#include "support/json_writer.hpp"
#include "support/random.hpp"
#include "support/text.hpp"

namespace jetpack::hub {

namespace {

constexpr int64_t answers_kept = 30LL * 24 * 3600 * 1000;  // longer than an outbox retries
constexpr int64_t operations_kept = 90LL * 24 * 3600 * 1000;

// The effect of an action on a node's phase.
struct Effect {
  std::string_view action;
  const char* phase;
  const char* ending;  // the phase once the node is silent
};
constexpr std::array<Effect, 8> effects = {{
    {"terminate", phase::stopping, phase::terminated},
    {"remove", phase::stopping, phase::terminated},
    {"deallocate", phase::stopping, phase::off},
    {"shutdown", phase::stopping, phase::off},
    {"create", phase::preparing, ""},
    {"start", phase::preparing, ""},
    {"restart", phase::preparing, ""},
    {"reimage", phase::preparing, ""},
}};

const Effect* find_effect(std::string_view action) {
  const auto* found = std::find_if(effects.begin(), effects.end(),
                                   [&](const Effect& effect) { return effect.action == action; });
  return found == effects.end() ? nullptr : found;
}

std::string request_json(const Operation& operation) {
  return support::json_object([&](support::Object& object) {
    object.text("action", operation.action)
        .text("by", operation.account)
        .text("reason", operation.reason)
        .time("time", operation.created);
  });
}

// "terminate requested by demo/execute-1: unhealthy"
std::string request_text(const Operation& operation) {
  std::string text = operation.action + " requested by " +
                     (operation.account.empty() ? "the hub" : operation.account);
  if (!operation.reason.empty()) text += ": " + operation.reason;
  return text;
}

void apply_effect(Transaction& transaction, const Effect& effect, const Node& node,
                  const Operation& operation) {
  const std::string_view account = operation.account;
  const int64_t now = operation.created;
  // There is no need to wait for a node that was never in contact.
  const bool at_once =
      *effect.ending != 0 && node.last_contact == 0 && account != node.cluster + "/" + node.name;
  const char* next = at_once ? effect.ending : effect.phase;
  const bool stays = node.phase == phase::stopping && std::string_view(next) == phase::stopping;
  // Who asks again for what was requested already is only in the event log: the first had the reason.
  const bool is_repeated = stays && node.ending == effect.ending && !node.last_request.empty();
  const bool ends = *effect.ending != 0;
  execute(transaction.session(),
          "UPDATE nodes SET phase = $1, phase_since = $2, ending = $3, status_message = $4, "
          "last_request = $5 WHERE cluster = $6 AND name = $7",
          next, stays ? node.phase_since : now, at_once ? "" : effect.ending,
          is_repeated ? node.status_message
          : ends      ? request_text(operation)
                      : "",
          is_repeated ? node.last_request : request_json(operation), node.cluster, node.name);
  if (!ends) note_silence(transaction.session(), node.cluster, node.name, now);
  add_event(transaction, node.cluster, node.name, request_text(operation), now);
  transaction.changed("node", node.cluster, node.name);
}

void write(SqlSession& session, const Operation& operation) {
  execute(session,
          "INSERT INTO operations (id, request_id, cluster, action, reason, account, created) "
          "VALUES ($1, $2, $3, $4, $5, $6, $7)",
          operation.id, operation.request_id, operation.cluster, operation.action, operation.reason,
          operation.account, operation.created);
  for (const auto& node : operation.nodes)
    execute(session,
            "INSERT INTO operation_nodes (operation, cluster, node, node_id, status, error) "
            "VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING",
            operation.id, operation.cluster, node.node, node.node_id, node.status, node.error);
  const std::string old = "cluster = $1 AND created < $2";
  execute(session,
          "DELETE FROM operation_nodes WHERE operation IN (SELECT id FROM operations WHERE " + old +
              ")",
          operation.cluster, operation.created - operations_kept);
  execute(session, "DELETE FROM operations WHERE " + old, operation.cluster,
          operation.created - operations_kept);
}

std::vector<OperationNode> nodes_of(SqlSession& session, std::string_view operation) {
  using Columns = Row<std::string, std::string, std::string, std::string>;
  std::vector<OperationNode> nodes;
  for (const auto& row : select<Columns>(session,
                                         "SELECT node, node_id, status, error FROM operation_nodes "
                                         "WHERE operation = $1 ORDER BY node",
                                         operation))
    nodes.push_back({row.get<0>(), row.get<1>(), row.get<2>(), row.get<3>()});
  return nodes;
}

}  // namespace

bool is_action(std::string_view action) { return find_effect(action) != nullptr; }

Selected select_nodes(SqlSession& session, std::string_view cluster,
                      const NodeSelection& selection) {
  struct By {
    const std::vector<std::string>& wanted;
    const std::string Node::*member;
    const char* what;
  };
  const std::array<By, 5> all = {{{selection.names, &Node::name, "node"},
                                  {selection.ids, &Node::node_id, "node id"},
                                  {selection.hostnames, &Node::hostname, "host name"},
                                  {selection.addresses, &Node::address, "address"},
                                  {selection.instance_ids, &Node::instance_id, "instance"}}};
  const auto nodes = list_nodes(session, all_nodes_of(cluster));
  std::vector<bool> is_selected(nodes.size());
  Selected selected;
  for (const auto& by : all) {
    for (const auto& wanted : by.wanted) {
      bool found = false;
      for (size_t i = 0; i < nodes.size(); ++i) {
        if (wanted.empty() || nodes[i].*by.member != wanted) continue;
        is_selected[i] = true;
        found = true;
      }
      if (!found)
        selected.unknown.push_back(
            {wanted, "", "Error",
             by.what + std::string(" not found: '") + support::one_line(wanted) + "'"});
    }
  }
  for (size_t i = 0; i < nodes.size(); ++i)
    if (is_selected[i]) selected.nodes.push_back(nodes[i]);
  return selected;
}

Operation operate(Transaction& transaction, Operation operation, const Selected& selected) {
  operation.id = support::random_uuid();
  operation.created = now_ms();
  const Effect* effect = find_effect(operation.action);
  for (const auto& node : selected.nodes) {
    if (effect != nullptr) apply_effect(transaction, *effect, node, operation);
    operation.nodes.push_back({node.name, node.node_id, "OK", ""});
  }
  operation.nodes.insert(operation.nodes.end(), selected.unknown.begin(), selected.unknown.end());
  write(transaction.session(), operation);
  return operation;
}

std::vector<Operation> list_operations(SqlSession& session, std::string_view cluster,
                                       std::string_view id, std::string_view request_id,
                                       int64_t limit) {
  using Columns =
      Row<std::string, std::string, std::string, std::string, std::string, std::string, int64_t>;
  Values values;
  std::string sql =
      "SELECT id, request_id, cluster, action, reason, account, created FROM operations "
      "WHERE created > " +
      values.add(0);
  if (!cluster.empty()) sql += " AND cluster = " + values.add(cluster);
  if (!id.empty()) sql += " AND id = " + values.add(id);
  if (!request_id.empty()) sql += " AND request_id = " + values.add(request_id);
  sql += " ORDER BY created DESC, id LIMIT " + values.add(limit);
  std::vector<Operation> operations;
  for (const auto& row : select<Columns>(session, sql, values))
    operations.push_back({row.get<0>(), row.get<1>(), row.get<2>(), row.get<3>(), row.get<4>(),
                          row.get<5>(), row.get<6>(), nodes_of(session, row.get<0>())});
  return operations;
}

std::vector<Operation> operations_of_node(SqlSession& session, std::string_view cluster,
                                          std::string_view node, int64_t limit) {
  using Columns = Row<std::string, std::string, std::string, std::string, int64_t>;
  std::vector<Operation> operations;
  for (const auto& row : select<Columns>(
           session,
           "SELECT id, action, reason, account, created FROM operations JOIN operation_nodes ON "
           "operation = id WHERE operations.cluster = $1 AND node = $2 AND status = 'OK' "
           "ORDER BY created DESC, id LIMIT $3",
           cluster, node, limit))
    operations.push_back({row.get<0>(),
                          {},
                          std::string(cluster),
                          row.get<1>(),
                          row.get<2>(),
                          row.get<3>(),
                          row.get<4>(),
                          {}});
  return operations;
}

std::optional<StoredResponse> find_response(SqlSession& session, const Account& account,
                                            std::string_view key) {
  const auto row = select_one<Row<int64_t, std::string, std::string>>(
      session, "SELECT status, body, request FROM answers WHERE account = $1 AND key = $2",
      account.id, key);
  if (!row) return std::nullopt;
  return StoredResponse{row->get<0>(), row->get<1>(), row->get<2>()};
}

void store_response(SqlSession& session, const Account& account, std::string_view key,
                    const StoredResponse& answer) {
  const int64_t now = now_ms();
  execute(session,
          "INSERT INTO answers (account, key, status, body, request, created) "
          "VALUES ($1, $2, $3, $4, $5, $6)",
          account.id, key, answer.status, answer.body, answer.request, now);
  execute(session, "DELETE FROM answers WHERE created < $1", now - answers_kept);
}

}  // namespace jetpack::hub
