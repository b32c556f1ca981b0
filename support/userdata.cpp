// The userdata that the server sends: a node's configuration, properties and users.
#include "support/userdata.hpp"

#include <set>

#include <jetpack/error.hpp>
#include "support/json.hpp"
#include "support/public_keys.hpp"
#include "support/text.hpp"
#include "support/user_name.hpp"
#include "support/utf8.hpp"

namespace jetpack::support {

namespace {

using jetpack::Errc;
using jetpack::Error;
using rapidjson::Value;
using Allocator = rapidjson::Document::AllocatorType;

constexpr size_t max_version = 200;
constexpr size_t max_shown_name = 80;

bool is_true(const Value& object, const char* name) {
  const Value* value = find_member(object, name);
  return value != nullptr && value->IsTrue();
}

// Reads the list of users; collects what is skipped.
class UserReader {
 public:
  explicit UserReader(Userdata& userdata) : userdata_(userdata) {}

  std::vector<User> read(const Value& list) {
    std::vector<User> users;
    std::set<std::string> names;
    for (const auto& entry : list.GetArray()) {
      auto user = read_user(entry);
      if (user && names.insert(user->name).second) users.push_back(*std::move(user));
    }
    return users;
  }

 private:
  void skip(const std::string& what, const std::string& why) {
    userdata_.warnings.push_back("skipped " + what + ": " + why);
    userdata_.left_out.push_back(what);
  }

  std::optional<User> read_user(const Value& entry) {
    User user;
    user.name = text_or(entry, "name", "");
    const std::string shown = "user '" + one_line(beginning_of(user.name, max_shown_name)) + "'";
    if (!is_user_name(user.name)) {
      skip(shown, std::string("not a valid user name; ") + user_name_rule);
      return std::nullopt;
    }
    const uint64_t uid = number_or(entry, "uid", 0);
    if (uid < least_uid || uid > most_uid) {
      skip(shown, "invalid uid; expected " + std::to_string(least_uid) + " to " +
                      std::to_string(most_uid));
      return std::nullopt;
    }
    user.uid = static_cast<uint32_t>(uid);
    user.full_name = text_or(entry, "fullName", "");
    user.is_admin = is_true(entry, "isAdmin");
    user.is_owner = is_true(entry, "isOwner");
    if (const Value* keys = find_member(entry, "publicKeys"))
      user.public_keys = read_keys(*keys, shown);
    return user;
  }

  // A text stands for a list of one.
  std::vector<std::string> read_keys(const Value& list, const std::string& user) {
    std::vector<std::string> keys;
    if (is_string(list)) {
      add_keys(list, user, keys);
    } else if (list.IsArray()) {
      for (const auto& entry : list.GetArray()) add_keys(entry, user, keys);
    } else if (!list.IsNull()) {
      skip("the public keys of " + user, "expected a list of strings");
    }
    return keys;
  }

  void add_keys(const Value& entry, const std::string& user, std::vector<std::string>& keys) {
    if (!is_string(entry)) return skip("a public key of " + user, "expected a string");
    const auto read = read_public_keys(text_of(entry));
    keys.insert(keys.end(), read.lines.begin(), read.lines.end());
    if (read.has_private_key)
      skip("a private key of " + user,
           "only public keys are installed; this one is known to others now, create a new pair");
    else if (read.invalid > 0)
      skip("a public key of " + user, "not a valid key in the format of authorized_keys");
  }

  Userdata& userdata_;
};

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
  const MemberIndex in_base(base), in_theirs(theirs), in_ours(ours);
  Value result(rapidjson::kObjectType);
  for (const auto& [key, value] : theirs->GetObject()) {
    const auto name = text_of(key);
    add_merged(result, key, in_base.find(name), &value, in_ours.find(name), allocator);
  }
  for (const auto& [key, value] : ours->GetObject()) {
    const auto name = text_of(key);
    if (in_theirs.find(name) == nullptr)
      add_merged(result, key, in_base.find(name), nullptr, &value, allocator);
  }
  return result;
}

}  // namespace

Userdata parse_userdata(std::string_view json) {
  auto document = parse_json(json, "the server's userdata");
  const auto fail = [](const std::string& what) {
    return Error(Errc::corrupt, "the server's userdata " + what);
  };
  Userdata userdata;
  userdata.version = text_or(document, "version", "");
  if (userdata.version.empty() || userdata.version.size() > max_version)
    throw fail("has no valid \"version\"");
  const Value* configuration = find_value(document, "configuration");
  if (configuration == nullptr || !configuration->IsObject())
    throw fail("has no \"configuration\" object");
  userdata.configuration = to_pretty_json(*configuration) + '\n';
  userdata.properties.SetObject();
  if (const Value* properties = find_value(document, "properties")) {
    if (!properties->IsObject()) throw fail("has \"properties\" that are not an object");
    userdata.properties.CopyFrom(*properties, userdata.properties.GetAllocator());
  }
  if (const Value* users = find_value(document, "users")) {
    if (!users->IsArray()) throw fail("has \"users\" that are not a list");
    userdata.users = UserReader(userdata).read(*users);
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
  return to_pretty_json(document) + '\n';
}

std::string merge_properties(const Value& base, const Value& theirs, const Value& ours) {
  rapidjson::Document document;
  const Value result = merged(&base, &theirs, &ours, document.GetAllocator());
  return to_pretty_json(result) + '\n';
}

}  // namespace jetpack::support
