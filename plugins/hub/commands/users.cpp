// The commands `hub user ...`.
#include <algorithm>
#include <cstdint>
#include <string>
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
#include "support/public_keys.hpp"
#include "support/text.hpp"
#include "support/user_name.hpp"
#include "support/utf8.hpp"

namespace jetpack::hub {

namespace {

constexpr size_t max_full_name = 256;

// The lines of the files --key, each a public key, as a JSON array.
std::string public_keys(const Call& call) {
  rapidjson::StringBuffer out;
  support::JsonWriter writer(out);
  writer.StartArray();
  for (const auto file : call.texts("key")) {
    const auto keys =
        support::read_public_keys(support::read_input(std::string(file), max_input_file));
    const std::string name = support::one_line(support::name_of_input(std::string(file)));
    const auto fail = [&](size_t line, const std::string& why) {
      std::string text = "--key: " + name;
      text.append(", line ").append(std::to_string(line)).append(": ").append(why);
      throw Error(Errc::usage, text);
    };
    if (keys.has_private_key)
      fail(keys.private_line,
           "this is a private key; give its public half" +
               (file == "-" ? std::string() : ", as a rule in " + name + ".pub"));
    if (keys.invalid > 0)
      fail(keys.invalid_line,
           "not a public key; expected a line of authorized_keys: [OPTIONS] TYPE BASE64 [COMMENT], "
           "in UTF-8");
    if (keys.lines.empty()) throw Error(Errc::usage, "--key: " + name + ": no public key in it");
    for (const auto& line : keys.lines)
      writer.String((stored_text(line, max_input_file) + "\n").c_str());
  }
  writer.EndArray();
  return {out.GetString(), out.GetSize()};
}

// The full name, as GECOS fields hold it.
std::string full_name_option(const Call& call) {
  std::string name = text_option(call, "full-name");
  if (!support::is_utf8(name))
    throw Error(Errc::usage, "--full-name must be UTF-8; is the terminal set to another encoding?");
  const bool is_plain = std::none_of(name.begin(), name.end(), [](char c) {
    return static_cast<unsigned char>(c) < 0x20 || c == 0x7F || c == ':';
  });
  if (!is_plain || name.size() > max_full_name)
    throw Error(Errc::usage, "--full-name must be up to " + std::to_string(max_full_name) +
                                 " bytes without ':' and control characters");
  return name;
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
  User user{name_option(call, "NAME"), full_name_option(call), call.integer("uid").value_or(0),
            call.flag("admin"),        call.flag("owner"),     public_keys(call)};
  if (call.given("uid") && (user.uid < support::least_uid || user.uid > support::most_uid))
    throw Error(Errc::usage, "--uid must be " + std::to_string(support::least_uid) + " to " +
                                 std::to_string(support::most_uid));
  if (!support::is_user_name(user.name))
    throw Error(Errc::usage,
                "NAME: '" + user.name + "' is not a valid user name; " + support::user_name_rule);
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
