// The commands `hub user ...`.
#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "commands/commands.hpp"
#include "commands/options.hpp"
#include "commands/output.hpp"
#include "common/text.hpp"
#include "store/node_table.hpp"
#include "store/user_table.hpp"
#include "support/files.hpp"
#include "support/json.hpp"
#include "support/json_writer.hpp"

namespace jetpack::hub {

namespace {

constexpr int64_t min_uid = 1000;  // smaller ones are reserved for the system
constexpr size_t max_full_name = 256;

// The lines of the files --key, each a public key, as a JSON array.
std::string public_keys(const Call& call) {
  rapidjson::StringBuffer out;
  support::JsonWriter writer(out);
  writer.StartArray();
  for (const auto file : call.texts("key")) {
    const std::string text = support::read_input(std::string(file), max_input_file);
    std::string_view rest = text;
    while (!rest.empty()) {
      const auto line = rest.substr(0, rest.find('\n'));
      rest.remove_prefix(std::min(rest.size(), line.size() + 1));
      if (line.find_first_not_of(" \t\r") == std::string_view::npos || line.starts_with('#'))
        continue;
      writer.String((stored_text(line, max_input_file) + "\n").c_str());
    }
  }
  writer.EndArray();
  return {out.GetString(), out.GetSize()};
}

// Keeps the user's present UID, or assigns a free one, unless one was requested.
void assign_uid(SqlSession& session, const std::string& cluster, User& user) {
  for (const auto& known : list_users(session, cluster)) {
    if (known.name == user.name && user.uid == 0) user.uid = known.uid;
    if (known.name != user.name && known.uid == user.uid)
      throw Error(Errc::usage,
                  "UID " + std::to_string(user.uid) + " is already used by '" + known.name + "'");
  }
  if (user.uid == 0) user.uid = free_uid(session, cluster);
}

}  // namespace

int user_list(const Call& call) {
  const std::string cluster = cluster_option(call);
  Database database(known_database(call));
  const auto users = database.read("reading users", [&](SqlSession& session) {
    require_cluster(session, cluster);
    return list_users(session, cluster);
  });
  const auto document = support::parse_json(support::json_object([&](support::Object& object) {
                                              object.list("users", users, write_user);
                                            }),
                                            "a list");
  show_list(call, member(document, "users"),
            {{"USER", "name"},
             {"UID", "uid"},
             {"ADMIN", "isAdmin"},
             {"OWNER", "isOwner"},
             {"FULL NAME", "fullName"}},
            "No users yet; add one with 'jetpack hub user add'.");
  return 0;
}

int user_add(const Call& call) {
  const std::string cluster = cluster_option(call);
  User user{name_option(call, "NAME"),
            stored_text(text_option(call, "full-name"), max_full_name),
            call.integer("uid").value_or(0),
            call.flag("admin"),
            call.flag("owner"),
            public_keys(call)};
  if (call.given("uid") && user.uid < min_uid)
    throw Error(Errc::usage, "--uid must be " + std::to_string(min_uid) + " or more");
  Database database(known_database(call));
  const bool is_new = database.write("adding a user", [&](Transaction& transaction) {
    SqlSession& session = transaction.session();
    require_cluster(session, cluster);
    assign_uid(session, cluster, user);
    return put_user(session, cluster, user);
  });
  return print_result(call, {"add", "user", user.name,
                             (is_new ? "Added user " : "Replaced user ") + user.name +
                                 " with UID " + std::to_string(user.uid)});
}

int user_remove(const Call& call) {
  const std::string cluster = cluster_option(call), name = text_option(call, "NAME");
  Database database(known_database(call));
  database.write("removing a user", [&](Transaction& transaction) {
    if (!remove_user(transaction.session(), cluster, name)) fail_not_found("user", name, cluster);
  });
  return print_result(call, {"remove", "user", name, "Removed user " + name});
}

}  // namespace jetpack::hub
