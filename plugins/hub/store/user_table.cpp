// The users table: the people that the nodes of a cluster let in.
#include "store/user_table.hpp"

#include <algorithm>

#include "support/json.hpp"
#include "support/json_writer.hpp"
#include "support/utf8.hpp"

namespace jetpack::hub {

namespace {

constexpr int64_t first_uid = 20'000;

}  // namespace

std::vector<std::string> User::keys() const {
  std::vector<std::string> texts;
  try {
    const auto array = support::parse_json(public_keys, "the keys of a user");
    if (!array.IsArray()) return texts;
    for (const auto& key : array.GetArray())
      if (support::is_string(key)) texts.emplace_back(support::text_of(key));
  } catch (const Error&) {
    return texts;
  }
  return texts;
}

void write_user(support::JsonWriter& writer, const User& user) {
  support::Object(writer)
      .text("name", support::well_formed(user.name))
      .text("fullName", support::well_formed(user.full_name))
      .number("uid", user.uid)
      .boolean("isAdmin", user.is_admin)
      .boolean("isOwner", user.is_owner)
      .texts("publicKeys", user.keys());
}

std::vector<User> list_users(SqlSession& session, std::string_view cluster) {
  using Columns = Row<std::string, std::string, int64_t, int64_t, int64_t, std::string>;
  std::vector<User> users;
  for (const auto& row :
       select<Columns>(session,
                       "SELECT name, full_name, uid, is_admin, is_owner, public_keys FROM users "
                       "WHERE cluster = $1 ORDER BY name",
                       cluster))
    users.push_back({row.get<0>(), row.get<1>(), row.get<2>(), row.get<3>() != 0, row.get<4>() != 0,
                     row.get<5>()});
  return users;
}

bool put_user(SqlSession& session, std::string_view cluster, const User& user) {
  const auto users = list_users(session, cluster);
  execute(session,
          "INSERT INTO users (cluster, name, full_name, uid, is_admin, is_owner, public_keys) "
          "VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (cluster, name) DO UPDATE SET "
          "full_name = excluded.full_name, uid = excluded.uid, is_admin = excluded.is_admin, "
          "is_owner = excluded.is_owner, public_keys = excluded.public_keys",
          cluster, user.name, user.full_name, user.uid, user.is_admin, user.is_owner,
          user.public_keys);
  return std::none_of(users.begin(), users.end(),
                      [&](const User& known) { return known.name == user.name; });
}

bool remove_user(SqlSession& session, std::string_view cluster, std::string_view name) {
  const std::string of = " FROM users WHERE cluster = $1 AND name = $2";
  if (select_one<int64_t>(session, "SELECT count(*)" + of, cluster, name).value_or(0) == 0)
    return false;
  execute(session, "DELETE" + of, cluster, name);
  return true;
}

int64_t free_uid(SqlSession& session, std::string_view cluster) {
  std::vector<int64_t> taken;
  for (const auto& user : list_users(session, cluster)) taken.push_back(user.uid);
  int64_t uid = first_uid;
  while (std::find(taken.begin(), taken.end(), uid) != taken.end()) ++uid;
  return uid;
}

}  // namespace jetpack::hub
