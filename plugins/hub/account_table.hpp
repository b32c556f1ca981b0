// account_table.hpp: who may ask the hub, as the database keeps it.
#pragma once

#include "database.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace hub {

enum class Role { node, admin };

// A node's account belongs to one node of one cluster.
struct Account {
  int64_t id = 0;
  std::string name;
  Role role = Role::node;
  std::string cluster, node;  // "" for an administrator
  std::string password;       // as hash_password made it
};

std::optional<Account> find_account(Session& session, std::string_view name);

// Makes the account or gives it a new password; true when it is new.
bool put_account(Session& session, const Account& account);

void remove_account_of(Session& session, std::string_view cluster, std::string_view node);

}  // namespace hub
