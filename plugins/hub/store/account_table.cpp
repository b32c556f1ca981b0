// The accounts table: who may use the hub.
#include "store/account_table.hpp"

namespace jetpack::hub {

std::optional<Account> find_account(SqlSession& session, std::string_view name) {
  using Columns = Row<int64_t, std::string, int64_t, std::string, std::string, std::string>;
  const auto row = select_one<Columns>(
      session, "SELECT id, name, admin, cluster, node, password FROM accounts WHERE name = $1",
      name);
  if (!row) return std::nullopt;
  return Account{row->get<0>(), row->get<1>(), row->get<2>() != 0 ? Role::admin : Role::node,
                 row->get<3>(), row->get<4>(), row->get<5>()};
}

bool put_account(SqlSession& session, const Account& account) {
  const bool is_new = !find_account(session, account.name);
  execute(session,
          "INSERT INTO accounts (name, admin, cluster, node, password) "
          "VALUES ($1, $2, $3, $4, $5) "
          "ON CONFLICT (name) DO UPDATE SET password = excluded.password",
          account.name, account.role == Role::admin, account.cluster, account.node,
          account.password);
  return is_new;
}

void remove_account_of(SqlSession& session, std::string_view cluster, std::string_view node) {
  execute(session, "DELETE FROM accounts WHERE cluster = $1 AND node = $2", cluster, node);
}

}  // namespace jetpack::hub
