// The operations table: what was requested for which nodes, and by whom.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "store/account_table.hpp"
#include "store/database.hpp"
#include "store/node_table.hpp"

namespace jetpack::hub {

// Selects the nodes of a cluster that any of the lists names.
struct NodeSelection {
  std::vector<std::string> names, ids, hostnames, addresses, instance_ids;
  bool empty() const {
    return names.empty() && ids.empty() && hostnames.empty() && addresses.empty() &&
           instance_ids.empty();
  }
};

struct OperationNode {
  std::string node, node_id;
  std::string status;  // "OK" or "Error"
  std::string error;
};

struct Operation {
  std::string id, request_id, cluster, action, reason, account;
  int64_t created = 0;
  std::vector<OperationNode> nodes;
};

// Whether the action exists: "terminate", "deallocate", "shutdown", "remove", "start", "restart",
// "reimage", "create".
bool is_action(std::string_view action);

// The selected nodes, and selectors that match none, as nodes in error.
struct Selected {
  std::vector<Node> nodes;
  std::vector<OperationNode> unknown;
};
Selected select_nodes(SqlSession& session, std::string_view cluster,
                      const NodeSelection& selection);

// Applies the operation, as far as phases go, and records it: also as an event of each node, and as
// its last_request, {"action", "by", "reason", "time"}. Fills in id and time.
Operation operate(Transaction& transaction, Operation operation, const Selected& selected);

// Newest first, at most `limit`, or the one with the id, or those with the request's id. An empty
// text stands for all.
std::vector<Operation> list_operations(SqlSession& session, std::string_view cluster,
                                       std::string_view id, std::string_view request_id,
                                       int64_t limit);

// What was requested of a node, without its node lists; newest first.
std::vector<Operation> operations_of_node(SqlSession& session, std::string_view cluster,
                                          std::string_view node, int64_t limit);

// The response to a request of an account.
struct StoredResponse {
  int64_t status = 0;
  std::string body;
  std::string request;  // a digest of it; "": unknown
};
std::optional<StoredResponse> find_response(SqlSession& session, const Account& account,
                                            std::string_view key);
void store_response(SqlSession& session, const Account& account, std::string_view key,
                    const StoredResponse& answer);

}  // namespace jetpack::hub
