// The accounts table: who may use the hub.
#include "store/account_table.hpp"

#include <tuple>
#include <vector>

#include "store/batch.hpp"

namespace jetpack::hub {

namespace {

using AccountRow =
    Row<int64_t, std::string, int64_t, std::string, std::string, std::string, int64_t>;

// The number of a role in the column "admin", which once was a yes or no.
int64_t to_number(Role role) {
  switch (role) {
    case Role::node:
      return 0;
    case Role::admin:
      return 1;
    case Role::viewer:
      return 2;
    case Role::monitor:
      return 3;
  }
  return 0;
}

Role to_role(int64_t number) {
  for (const Role role : {Role::admin, Role::viewer, Role::monitor})
    if (number == to_number(role)) return role;
  return Role::node;
}

const std::string account_columns =
    "SELECT id, name, admin, cluster, node, password, "
    "(SELECT count(*) FROM nodes LEFT JOIN nodearrays ON nodearrays.cluster = nodes.cluster AND "
    "nodearrays.name = nodes.template WHERE nodes.cluster = accounts.cluster AND "
    "nodes.name = accounts.node AND (nodes.scheduler = 1 OR nodearrays.scheduler = 1)) "
    "FROM accounts WHERE accounts.";

Account to_account(const AccountRow& row) {
  return {row.get<0>(), row.get<1>(), to_role(row.get<2>()), row.get<3>(),
          row.get<4>(), row.get<5>(), row.get<6>() != 0};
}

template <class Value>
std::optional<Account> find_by(SqlSession& session, const std::string& column, const Value& value) {
  const auto row = select_one<AccountRow>(session, account_columns + column + " = $1", value);
  if (!row) return std::nullopt;
  return to_account(*row);
}

void end_sessions(SqlSession& session, int64_t account) {
  execute(session, "DELETE FROM sessions WHERE account = $1", account);
}

}  // namespace

std::optional<Account> find_account(SqlSession& session, std::string_view name) {
  return find_by(session, "name", name);
}

std::optional<Account> find_account(SqlSession& session, int64_t id) {
  return find_by(session, "id", id);
}

std::unordered_map<std::string, Account> find_accounts(SqlSession& session,
                                                       const std::set<std::string>& names) {
  std::vector<std::tuple<std::string>> keys;
  keys.reserve(names.size());
  for (const auto& name : names) keys.emplace_back(name);
  std::unordered_map<std::string, Account> accounts;
  for (const auto& row : select_keyed<AccountRow>(session, account_columns + "name IN ", keys))
    accounts.emplace(row.get<1>(), to_account(row));
  return accounts;
}

bool put_account(SqlSession& session, const Account& account) {
  const auto known = find_account(session, account.name);
  if (known) end_sessions(session, known->id);
  execute(session,
          "INSERT INTO accounts (name, admin, cluster, node, password) "
          "VALUES ($1, $2, $3, $4, $5) "
          "ON CONFLICT (name) DO UPDATE SET password = excluded.password, admin = excluded.admin",
          account.name, to_number(account.role), account.cluster, account.node, account.password);
  return !known;
}

bool remove_account(SqlSession& session, std::string_view name) {
  const auto known = find_account(session, name);
  if (!known) return false;
  end_sessions(session, known->id);
  execute(session, "DELETE FROM accounts WHERE id = $1", known->id);
  return true;
}

void remove_account_of(SqlSession& session, std::string_view cluster, std::string_view node) {
  execute(session, "DELETE FROM accounts WHERE cluster = $1 AND node = $2", cluster, node);
}

}  // namespace jetpack::hub
