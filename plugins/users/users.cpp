// jetpack users: the users that the cluster manages on this node.
#include <jetpack/plugin.hpp>

#include <rapidjson/document.h>
#include <rapidjson/prettywriter.h>
#include <rapidjson/stringbuffer.h>

namespace {

using jetpack::Errc;
using jetpack::Error;
using jetpack::Format;
using rapidjson::Value;

bool is_owner(const Value& user) {
  if (!user.IsObject()) return false;
  const auto owner = user.FindMember("isOwner");
  return owner != user.MemberEnd() && owner->value.IsBool() && owner->value.GetBool();
}

// On one line, and nothing that steers a terminal: names come from elsewhere.
std::string one_line(std::string_view text) {
  std::string line(text);
  for (char& c : line)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) c = '?';
  return line;
}

std::string text_of(const Value& user, const char* name) {
  const auto member = user.FindMember(name);
  if (member == user.MemberEnd() || member->value.IsNull()) return "";
  if (member->value.IsString())
    return one_line({member->value.GetString(), member->value.GetStringLength()});
  if (member->value.IsBool()) return member->value.GetBool() ? "True" : "False";
  if (member->value.IsInt64()) return std::to_string(member->value.GetInt64());
  throw Error(Errc::corrupt, std::string("config/auth.json: found a user whose '") + name +
                                 "' is neither text, number nor boolean");
}

std::string flag_of(const Value& user, const char* name) {
  const std::string text = text_of(user, name);
  return text.empty() ? "False" : text;
}

std::string block(const Value& user) {
  if (!user.IsObject())
    throw Error(Errc::corrupt, "config/auth.json: found a user that is not an object");
  return "\nUsername: " + text_of(user, "name") + "\nFull Name: " + text_of(user, "fullName") +
         "\nUID: " + text_of(user, "uid") + "\nIs Admin: " + flag_of(user, "isAdmin") +
         "\nIs Owner: " + flag_of(user, "isOwner") + '\n';
}

std::string pretty(const Value& value) {
  rapidjson::StringBuffer buffer;
  rapidjson::PrettyWriter<rapidjson::StringBuffer> writer(buffer);
  writer.SetIndent(' ', 4);
  value.Accept(writer);
  return {buffer.GetString(), buffer.GetSize()};
}

int users(const jetpack::Call& call) {
  // Sorted and pretty as it is printed; parsed where single users are wanted.
  const std::string json = call.service<jetpack::Config>().users(Format::json_pretty);
  const bool as_json = call.flag("json");
  if (as_json && !call.flag("owner")) {
    call.print(json + '\n');
    return 0;
  }
  rapidjson::Document all;
  all.Parse(json.data(), json.size());
  bool found = false;
  for (const auto& user : all.GetArray()) {
    if (call.flag("owner") && !is_owner(user)) continue;
    found = true;
    call.print(as_json ? pretty(user) + '\n' : block(user));
    if (as_json) return 0;
  }
  if (call.flag("owner") && !found)
    throw Error(Errc::not_found, "none of the " + std::to_string(all.Size()) +
                                     " users in config/auth.json is the cluster's owner");
  return 0;
}

}  // namespace

JETPACK_PLUGIN("jetpack.users", "1.0.0", jetpack::needs<jetpack::Config>(),
               jetpack::command(
                   "users", "List users that the cluster manages on this node", users,
                   jetpack::flag("json", "Print JSON: a list, with --owner one object"),
                   jetpack::flag("owner", "Only the cluster's owner"),
                   jetpack::description("Reads config/auth.json, which the server keeps current."),
                   jetpack::example("jetpack users", "Prints a block for each user"),
                   jetpack::example("jetpack users --owner --json | jq -r .name",
                                    "The owner's login")));
