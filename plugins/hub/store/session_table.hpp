// The sessions table: who has signed in on the cluster page.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "store/account_table.hpp"

namespace jetpack::hub {

// Times are Unix milliseconds. The table has only digests of the tokens, so that its reader cannot
// pose as a user.
void put_session(SqlSession& session, std::string_view token, const Account& account,
                 int64_t expires, int64_t now);
// Whose session it is; nullopt when it has ended.
std::optional<Account> find_session(SqlSession& session, std::string_view token, int64_t now);
void remove_session(SqlSession& session, std::string_view token);

}  // namespace jetpack::hub
