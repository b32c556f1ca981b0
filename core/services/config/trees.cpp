// The configuration files as trees: the merged configuration, the properties, the users.
#include "services/config/trees.hpp"

#include <string>
#include <string_view>

#include <jetpack/error.hpp>
#include "services/config/render.hpp"
#include "support/file_lock.hpp"
#include "support/files.hpp"
#include "support/utf8.hpp"

namespace jetpack {

namespace {

using rapidjson::Value;
using Allocator = rapidjson::Document::AllocatorType;

// Moves the values of `layer` into `base`; both must outlive `base`.
void merge(Value& base, Value& layer, Allocator& allocator, Tree::Precedence precedence) {
  std::vector<Value::MemberIterator> added;
  {
    const support::MemberIndex index(&base);
    // Counted, because RapidJSON's mutable iterators have an operator != that is ambiguous in
    // C++20.
    auto member = layer.MemberBegin();
    for (auto left = layer.MemberCount(); left > 0; --left, ++member) {
      auto* known = const_cast<Value*>(index.find(support::text_of(member->name)));
      if (known == nullptr) {
        added.push_back(member);
      } else if (known->IsObject() && member->value.IsObject()) {
        merge(*known, member->value, allocator, precedence);
      } else if (precedence == Tree::Precedence::replace ||
                 known->IsObject() == member->value.IsObject()) {
        *known = member->value;
      }
    }
  }
  for (const auto& member : added) base.AddMember(member->name, member->value, allocator);
}

std::optional<support::Json> read_object(const Home& home, const char* name,
                                         std::string_view key = {}) {
  const std::string path = home.path(name);
  auto json = support::Json::read(path, key);
  if (json && !json->root().IsObject())
    throw Error(Errc::corrupt,
                path + ": found no JSON object at the top; fix the file or restore it from backup");
  return json;
}

support::Json parse_value(std::string_view json) {
  try {
    return support::Json::parse(json, "the value is not JSON", {}, support::JsonRules::strict);
  } catch (const Error& e) {
    throw Error(Errc::usage, e.what());
  }
}

}  // namespace

void Tree::lay_over(support::Json layer, Precedence precedence) {
  layers_.push_back(std::move(layer));
  auto& base = layers_.front().document();
  merge(base, layers_.back().document(), base.GetAllocator(), precedence);
}

Tree read_configuration(const Home& home, std::string_view key) {
  home.check();
  std::optional<Tree> tree;
  const auto add = [&](std::optional<support::Json> json, Tree::Precedence precedence) {
    if (!json) return false;
    if (tree) {
      tree->lay_over(*std::move(json), precedence);
    } else {
      tree.emplace(*std::move(json));
    }
    return true;
  };
  const auto add_file = [&](const char* name, Tree::Precedence precedence) {
    return add(read_object(home, name, key), precedence);
  };
  // Where the agent has written what it knows, node.json is the merged result.
  auto facts = read_object(home, "config/facts.json", key);
  const bool has_facts = facts.has_value();
  bool is_local = false;
  if (has_facts) {
    add_file("config/attributes.json", Tree::Precedence::replace);
    add(std::move(facts), Tree::Precedence::replace);
    is_local = add_file("config/local.json", Tree::Precedence::replace);
  } else {
    add_file("config/node.json", Tree::Precedence::replace);
  }
  const bool is_sent = add_file("config/configuration.json", Tree::Precedence::replace);
  add_file("config/properties.json", Tree::Precedence::keep_kinds);
  if (!tree)
    throw Error(Errc::unavailable,
                "this node has no configuration yet: neither node.json nor "
                "configuration.json is in " +
                    home.path("config") + "; set JETPACK_HOME if it is elsewhere");
  if (has_facts && !is_local && !is_sent) tree->set_partial();
  return *std::move(tree);
}

Tree read_properties(const Home& home) {
  home.check();
  auto json = read_object(home, "config/properties.json");
  return Tree(json ? *std::move(json) : support::Json::parse("{}", "no properties"));
}

Tree read_users(const Home& home) {
  home.check();
  const std::string path = home.path("config/auth.json");
  auto json = support::Json::read(path);
  if (!json)
    throw Error(Errc::unavailable, "the cluster's users are not known yet: " + path +
                                       " does not exist; the server delivers it");
  auto& document = json->document();
  if (document.IsObject())
    if (auto* users = const_cast<Value*>(support::find_member(document, "users"))) {
      Value array(std::move(*users));
      static_cast<Value&>(document) = array;
    }
  if (!document.IsArray())
    throw Error(Errc::corrupt,
                path + ": found no list of users; fix the file or restore it from backup");
  return Tree(*std::move(json));
}

void write_property(const Home& home, std::string_view key, std::string_view json) {
  if (key.empty() || key.front() == '.' || key.back() == '.' ||
      key.find("..") != std::string_view::npos || !support::is_utf8(key))
    throw Error(Errc::usage, "'" + std::string(key) + "' is not a property's key");
  home.check();
  const support::Json value = parse_value(json);
  const support::FileLock lock =
      support::FileLock::wait(home.path("config/.properties.lock"), 0600);
  const std::string path = home.path("config/properties.json");
  auto read = read_object(home, "config/properties.json");
  support::Json properties = read ? *std::move(read) : support::Json::parse("{}", "no properties");

  auto& allocator = properties.document().GetAllocator();
  Value* at = &properties.document();
  for (std::string_view rest = key;;) {
    const size_t dot = rest.find('.');
    const std::string_view word = rest.substr(0, dot);
    if (!at->IsObject())
      throw Error(Errc::failed, "cannot set property '" + std::string(key) + "': '" +
                                    std::string(key.substr(0, key.size() - rest.size() - 1)) +
                                    "' is a value, not an object");
    auto* member = const_cast<Value*>(support::find_member(*at, word));
    if (member == nullptr) {
      at->AddMember(Value(word.data(), static_cast<rapidjson::SizeType>(word.size()), allocator),
                    Value(rapidjson::kObjectType), allocator);
      member = &(at->MemberEnd() - 1)->value;
    }
    at = member;
    if (dot == std::string_view::npos) break;
    rest.remove_prefix(dot + 1);
  }
  at->CopyFrom(value.root(), allocator);
  support::write_durably(path, render(properties.root(), JP_JSON_PRETTY) + "\n", 0640);
}

}  // namespace jetpack
