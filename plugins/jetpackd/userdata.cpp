// The userdata that the server sends: a node's configuration, properties and users.
#include "jetpackd/userdata.hpp"

#include <algorithm>
#include <set>

#include <jetpack/error.hpp>
#include "jetpackd/authorized_keys.hpp"
#include "support/json.hpp"
#include "support/text.hpp"

namespace jetpack::jetpackd {

namespace {

using jetpack::Errc;
using jetpack::Error;
using rapidjson::Value;
using Allocator = rapidjson::Document::AllocatorType;

constexpr uint64_t least_uid = 1000;  // lower ones are for system accounts; login.defs(5)
constexpr uint64_t most_uid = 2'000'000'000;
constexpr size_t max_user_name = 32;  // useradd(8)
constexpr size_t max_version = 200;

// A name that useradd accepts and that has no special meaning in passwd, sudoers or a path.
bool is_user_name(std::string_view name) {
  if (name.empty() || name.size() > max_user_name) return false;
  const auto is_letter = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
  };
  return is_letter(name.front()) && std::all_of(name.begin(), name.end(), [&](char c) {
           return is_letter(c) || (c >= '0' && c <= '9') || c == '-' || c == '.';
         });
}

bool is_true(const Value& object, const char* name) {
  const Value* value = support::find_member(object, name);
  return value != nullptr && value->IsTrue();
}

// The valid keys; adds a warning for each other one.
std::vector<std::string> read_public_keys(const Value& user, const std::string& name,
                                          std::vector<std::string>& warnings) {
  std::vector<std::string> keys;
  const Value* list = support::find_member(user, "publicKeys");
  if (list == nullptr || !list->IsArray()) return keys;
  for (const auto& entry : list->GetArray()) {
    std::string key =
        support::is_string(entry) ? std::string(support::text_of(entry)) : std::string();
    while (!key.empty() && (key.back() == '\n' || key.back() == '\r' || key.back() == ' '))
      key.pop_back();
    if (is_public_key(key)) {
      keys.push_back(std::move(key));
    } else {
      warnings.push_back("skipped a public key of user '" + name + "': not a valid key");
    }
  }
  return keys;
}

std::optional<User> read_user(const Value& entry, std::vector<std::string>& warnings) {
  User user;
  user.name = support::text_or(entry, "name", "");
  if (!is_user_name(user.name)) {
    warnings.push_back("skipped user '" + support::one_line(user.name.substr(0, 80)) +
                       "': not a valid user name");
    return std::nullopt;
  }
  const uint64_t uid = support::number_or(entry, "uid", 0);
  if (uid < least_uid || uid > most_uid) {
    warnings.push_back("skipped user '" + user.name + "': invalid uid; expected " +
                       std::to_string(least_uid) + " to " + std::to_string(most_uid));
    return std::nullopt;
  }
  user.uid = static_cast<uint32_t>(uid);
  user.full_name = support::text_or(entry, "fullName", "");
  user.is_admin = is_true(entry, "isAdmin");
  user.is_owner = is_true(entry, "isOwner");
  user.public_keys = read_public_keys(entry, user.name, warnings);
  return user;
}

std::vector<User> read_users(const Value& list, std::vector<std::string>& warnings) {
  std::vector<User> users;
  std::set<std::string> names;
  for (const auto& entry : list.GetArray()) {
    auto user = read_user(entry, warnings);
    if (user && names.insert(user->name).second) users.push_back(*std::move(user));
  }
  return users;
}

Value merged(const Value* base, const Value* theirs, const Value* ours, Allocator& allocator);

void add_merged(Value& to, const Value& name, const Value* base, const Value* theirs,
                const Value* ours, Allocator& allocator) {
  Value value = merged(base, theirs, ours, allocator);
  if (!value.IsNull() || (ours != nullptr && ours->IsNull()) ||
      (theirs != nullptr && theirs->IsNull()))
    to.AddMember(Value(name, allocator), value, allocator);
}

// Null stands for "no such member".
Value merged(const Value* base, const Value* theirs, const Value* ours, Allocator& allocator) {
  if (ours == nullptr) return theirs == nullptr ? Value() : Value(*theirs, allocator);
  if (theirs == nullptr || !theirs->IsObject() || !ours->IsObject()) {
    const bool changed_here = base == nullptr || *base != *ours;
    if (changed_here) return Value(*ours, allocator);
    return theirs == nullptr ? Value() : Value(*theirs, allocator);
  }
  const support::MemberIndex in_base(base), in_theirs(theirs), in_ours(ours);
  Value result(rapidjson::kObjectType);
  for (const auto& [key, value] : theirs->GetObject()) {
    const auto name = support::text_of(key);
    add_merged(result, key, in_base.find(name), &value, in_ours.find(name), allocator);
  }
  for (const auto& [key, value] : ours->GetObject()) {
    const auto name = support::text_of(key);
    if (in_theirs.find(name) == nullptr)
      add_merged(result, key, in_base.find(name), nullptr, &value, allocator);
  }
  return result;
}

}  // namespace

Userdata parse_userdata(std::string_view json) {
  auto document = support::parse_json(json, "the server's userdata");
  const auto fail = [](const std::string& what) {
    return Error(Errc::corrupt, "the server's userdata " + what);
  };
  Userdata userdata;
  userdata.version = support::text_or(document, "version", "");
  if (userdata.version.empty() || userdata.version.size() > max_version)
    throw fail("has no valid \"version\"");
  const Value* configuration = support::find_value(document, "configuration");
  if (configuration == nullptr || !configuration->IsObject())
    throw fail("has no \"configuration\" object");
  userdata.configuration = support::to_pretty_json(*configuration) + '\n';
  userdata.properties.SetObject();
  if (const Value* properties = support::find_value(document, "properties")) {
    if (!properties->IsObject()) throw fail("has \"properties\" that are not an object");
    userdata.properties.CopyFrom(*properties, userdata.properties.GetAllocator());
  }
  if (const Value* users = support::find_value(document, "users")) {
    if (!users->IsArray()) throw fail("has \"users\" that are not a list");
    userdata.users = read_users(*users, userdata.warnings);
  }
  return userdata;
}

std::string to_auth_json(const std::vector<User>& users) {
  rapidjson::Document document(rapidjson::kArrayType);
  auto& allocator = document.GetAllocator();
  const auto text = [&](const std::string& content) {
    return Value(content.data(), static_cast<rapidjson::SizeType>(content.size()), allocator);
  };
  for (const auto& user : users) {
    Value keys(rapidjson::kArrayType);
    for (const auto& key : user.public_keys) keys.PushBack(text(key + '\n'), allocator);
    Value entry(rapidjson::kObjectType);
    entry.AddMember("fullName", text(user.full_name), allocator);
    entry.AddMember("isAdmin", user.is_admin, allocator);
    entry.AddMember("isOwner", user.is_owner, allocator);
    entry.AddMember("name", text(user.name), allocator);
    entry.AddMember("publicKeys", keys, allocator);
    entry.AddMember("uid", user.uid, allocator);
    document.PushBack(entry, allocator);
  }
  return support::to_pretty_json(document) + '\n';
}

std::string merge_properties(const Value& base, const Value& theirs, const Value& ours) {
  rapidjson::Document document;
  const Value result = merged(&base, &theirs, &ours, document.GetAllocator());
  return support::to_pretty_json(result) + '\n';
}

}  // namespace jetpack::jetpackd
