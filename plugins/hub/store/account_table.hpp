// The accounts table: who may use the hub.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>

#include "store/database.hpp"

namespace jetpack::hub {

enum class Role { node, admin, viewer, monitor };

// A node's account belongs to one node of one cluster; those of administrators and viewers are of
// people and programs that look at all clusters. A monitor reads the metrics, with a token.
struct Account {
  int64_t id = 0;
  std::string name;
  Role role = Role::node;
  std::string cluster, node;  // of a node
  std::string password;       // as hash_password returned it
  // Of a node, whether it acts for its cluster: an administrator has marked it or its node array as
  // a scheduler.
  bool is_scheduler = false;
  // The database's as of which all of this holds (see store/revision.hpp); 0: not known.
  int64_t revision = 0;
};

std::optional<Account> find_account(SqlSession& session, std::string_view name);
std::optional<Account> find_account(SqlSession& session, int64_t id);
// Those that exist, by name.
std::unordered_map<std::string, Account> find_accounts(SqlSession& session,
                                                       const std::set<std::string>& names);

// Creates the account, or sets its password and role and ends its sessions; true when it is new.
bool put_account(SqlSession& session, const Account& account);

// False when there is none.
bool remove_account(SqlSession& session, std::string_view name);
void remove_account_of(SqlSession& session, std::string_view cluster, std::string_view node);

}  // namespace jetpack::hub
