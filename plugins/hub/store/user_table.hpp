// The users table: the people that the nodes of a cluster let in.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "store/database.hpp"
#include "support/json_writer.hpp"

namespace jetpack::hub {

struct User {
  std::string name, full_name;
  int64_t uid = 0;
  bool is_admin = false, is_owner = false;
  std::string public_keys = "[]";  // a JSON array of texts

  // The texts; none when the array is not one. One damaged row does not cost the others.
  std::vector<std::string> keys() const;
};

// Writes the JSON object that nodes and administrators get.
void write_user(support::JsonWriter& writer, const User& user);

std::vector<User> list_users(SqlSession& session, std::string_view cluster);
// Creates or replaces the user; true when it is new.
bool put_user(SqlSession& session, std::string_view cluster, const User& user);
bool remove_user(SqlSession& session, std::string_view cluster, std::string_view name);
// The lowest UID from 20000 on that no user of the cluster has.
int64_t free_uid(SqlSession& session, std::string_view cluster);

}  // namespace jetpack::hub
