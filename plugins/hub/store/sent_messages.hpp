// What an account may send.
#pragma once

#include <vector>

#include "store/account_table.hpp"
#include "store/messages.hpp"

namespace jetpack::hub {

// Throws BadMessages for a message of another cluster, and for one that only schedulers send.
void require_permitted(const Account& account, const std::vector<Message>& messages);

}  // namespace jetpack::hub
