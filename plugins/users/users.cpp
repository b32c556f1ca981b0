// `jetpack users`: lists the users that the cluster manages on this node.
#include <jetpack/plugin.hpp>

#include "support/json.hpp"
#include "support/text.hpp"

namespace {

namespace support = jetpack::support;
using jetpack::Errc;
using jetpack::Error;
using jetpack::Format;
using rapidjson::Value;

bool is_owner(const Value& user) {
  if (!user.IsObject()) return false;
  const auto owner = user.FindMember("isOwner");
  return owner != user.MemberEnd() && owner->value.IsBool() && owner->value.GetBool();
}

std::string text_of(const Value& user, const char* name) {
  const auto member = user.FindMember(name);
  if (member == user.MemberEnd() || member->value.IsNull()) return "";
  if (support::is_string(member->value)) return support::one_line(support::text_of(member->value));
  if (member->value.IsBool()) return member->value.GetBool() ? "True" : "False";
  if (member->value.IsInt64()) return std::to_string(member->value.GetInt64());
  throw Error(Errc::corrupt, std::string("config/auth.json: invalid '") + name +
                                 "' of a user; expected a string, number or boolean");
}

std::string flag_of(const Value& user, const char* name) {
  const std::string text = text_of(user, name);
  return text.empty() ? "False" : text;
}

std::string block(const Value& user) {
  if (!user.IsObject()) throw Error(Errc::corrupt, "config/auth.json: a user is not a JSON object");
  return "Username: " + text_of(user, "name") + "\nFull Name: " + text_of(user, "fullName") +
         "\nUID: " + text_of(user, "uid") + "\nIs Admin: " + flag_of(user, "isAdmin") +
         "\nIs Owner: " + flag_of(user, "isOwner") + '\n';
}

int users(const jetpack::Call& call) {
  // Already sorted and indented; parsed only to select single users.
  const std::string json = call.service<jetpack::Config>().users(Format::json_pretty);
  const bool as_json = call.flag("json");
  if (as_json && !call.flag("owner")) {
    call.print(json + '\n');
    return 0;
  }
  const auto all = support::parse_json(json, "config/auth.json");
  bool found = false;
  for (const auto& user : all.GetArray()) {
    if (call.flag("owner") && !is_owner(user)) continue;
    if (call.flag("names")) {
      call.print(text_of(user, "name") + '\n');
    } else {
      call.print(as_json ? support::to_pretty_json(user) + '\n'
                         : (found ? "\n" : "") + block(user));
    }
    found = true;
    if (as_json) return 0;
  }
  if (call.flag("owner") && !found)
    throw Error(Errc::not_found, "none of the " + std::to_string(all.Size()) +
                                     " users in config/auth.json is the cluster's owner");
  return 0;
}

}  // namespace

JETPACK_PLUGIN(
    "jetpack.users", "1.0.0", jetpack::needs<jetpack::Config>(),
    jetpack::command(
        "users", "List users that the cluster manages on this node", users,
        jetpack::flag("json", "Print JSON: a list, or one object with --owner"),
        jetpack::flag("owner", "List only the owner of the cluster"),
        jetpack::flag("names", "Print only the names, a line each"),
        jetpack::description("Reads config/auth.json, which jetpackd updates from the server."),
        jetpack::example("jetpack users", "List all users"),
        jetpack::example("jetpack users --owner --json | jq -r .name",
                         "Print the login name of the owner")));
