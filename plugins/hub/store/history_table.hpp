// The history tables: phases and conditions of nodes over time, and how many nodes were ready.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "store/database.hpp"

namespace jetpack::hub {

// A change of a node.
struct NodeChange {
  int64_t time = 0;
  std::string what;  // "phase", "condition" or "contact"
  std::string name;  // of the condition
  std::string status, message;
};

// The newest `most` changes of a node, oldest first.
std::vector<NodeChange> node_history(SqlSession& session, std::string_view cluster,
                                     std::string_view node, int64_t most);

// How many nodes of an array were ready and in contact, from this time on, and their cores.
struct ReadyPoint {
  int64_t time = 0;
  std::string nodearray;
  int64_t nodes = 0;
  std::optional<int64_t> cores;  // unless a node did not say how many it has
};

// Notes the present numbers where they changed, and drops what is too old.
void note_ready(Transaction& transaction, int64_t now);
// Of each array the last point before `since`, and all later ones; oldest first.
std::vector<ReadyPoint> ready_history(SqlSession& session, std::string_view cluster, int64_t since);

}  // namespace jetpack::hub
