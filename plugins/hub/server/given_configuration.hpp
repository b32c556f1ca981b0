// The configuration that a node is given: all that was said for it, merged.
#pragma once

#include <string>
#include <vector>

#include "store/node_table.hpp"
#include "store/user_table.hpp"

namespace jetpack::hub {

// The owner of a cluster among its users; null where it has none.
const User* owner_of(const std::vector<User>& users);

// The configuration of the cluster, then that of the node's array, then that of the node, then its
// identity: a JSON object. `users`: those of the cluster.
std::string given_configuration(SqlSession& session, const Node& node,
                                const std::vector<User>& users);

}  // namespace jetpack::hub
