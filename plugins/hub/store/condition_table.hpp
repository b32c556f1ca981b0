// The conditions table: health conditions that nodes reported.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "store/database.hpp"
#include "store/node_table.hpp"
#include "store/reports.hpp"

namespace jetpack::hub {

struct StoredCondition {
  std::string node;
  Condition condition;
  int64_t since = 0, updated = 0;  // when it got its status; when it was last reported
};

// What a node reported, as long as the message lives.
struct ReportedCondition {
  std::string_view cluster, node;
  const Condition& condition;
};
// Replaces the nodes' conditions of the same names, in this order.
void put_conditions(Transaction& transaction, const std::vector<ReportedCondition>& reports,
                    int64_t now);

// Which conditions: those of the nodes from `first` to `last` in the order of the database, which
// is that of list_nodes; an empty `first` stands for all.
struct ConditionRange {
  std::string cluster, first, last;
  bool with_texts = false;  // else only names, statuses and messages are filled in
};
// By node and name.
std::vector<StoredCondition> list_conditions(SqlSession& session, const ConditionRange& range);

std::vector<Count> count_conditions(SqlSession& session, std::string_view cluster);

}  // namespace jetpack::hub
