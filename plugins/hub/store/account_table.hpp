// The accounts table: who may use the hub.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "store/database.hpp"

namespace jetpack::hub {

enum class Role { node, admin };

// A node's account belongs to one node of one cluster.
struct Account {
  int64_t id = 0;
  std::string name;
  Role role = Role::node;
  std::string cluster, node;  // "" for an administrator
  std::string password;       // as hash_password returned it
};

std::optional<Account> find_account(SqlSession& session, std::string_view name);

// Creates the account or sets its password; true when it is new.
bool put_account(SqlSession& session, const Account& account);

void remove_account_of(SqlSession& session, std::string_view cluster, std::string_view node);

}  // namespace jetpack::hub
