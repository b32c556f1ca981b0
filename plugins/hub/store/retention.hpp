// What is kept of the messages: by number and by bytes, with a fair share for each node.
#pragma once

#include <vector>

#include "store/database.hpp"
#include "store/message_table.hpp"

namespace jetpack::hub {

// Counts the fresh messages of the deliveries, and drops what exceeds `keep`: of each node its
// oldest. When all together exceed it, those with more than their share lose theirs first.
void retain(Transaction& transaction, const std::vector<Delivery*>& deliveries,
            const Retention& keep);

}  // namespace jetpack::hub
