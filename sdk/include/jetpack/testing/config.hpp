// jetpack/testing/config.hpp: a node's configuration, as a test writes it.
// Part of jetpack/testing.hpp; include that.
#pragma once

#include <jetpack/boundary.hpp>
#include <jetpack/json.hpp>

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace jetpack::testing::detail {

inline void write_to(const jp_sink& sink, std::string_view text) {
  if (sink.write(sink.ctx, text.data(), text.size()) != 0)
    throw Error(Errc::failed, "the caller did not take the result");
}

// The object with its members, at all levels, in the order of their names.
inline Json sorted(const Json& value) {
  if (value.is_array()) {
    Json array = Json::array();
    for (const Json& element : value.elements()) array.add(sorted(element));
    return array;
  }
  if (!value.is_object()) return value;
  auto members = value.members();
  std::sort(members.begin(), members.end(),
            [](const auto& a, const auto& b) { return a.first < b.first; });
  Json object = Json::object();
  for (const auto& [name, member] : members) object.set(name, sorted(member));
  return object;
}

// As Python writes it; the simple cases of jp_format's JP_PLAIN.
inline std::string python(const Json& value) {
  if (value.is_null()) return "None";
  if (value.is_bool()) return value.bool_or(false) ? "True" : "False";
  if (value.is_text()) return '\'' + std::string(value.text_or("")) + '\'';
  if (value.is_number()) return value.dump();
  std::string text;
  for (const Json& element : value.elements()) text += (text.empty() ? "" : ", ") + python(element);
  if (value.is_array()) return '[' + text + ']';
  for (const auto& [name, member] : value.members())
    text += (text.empty() ? "'" : ", '") + name + "': " + python(member);
  return '{' + text + '}';
}

inline std::string plain(const Json& value) {
  return value.is_text() ? std::string(value.text_or("")) : python(value);
}

inline void append_lines(std::string& out, const Json& value, const std::string& key) {
  if (!value.is_object() || value.size() == 0) {
    out += (key.empty() ? "" : key + " = ") + plain(value) + '\n';
    return;
  }
  for (const auto& [name, member] : value.members())
    append_lines(out, member, key.empty() ? name : key + '.' + name);
}

inline std::string members(const Json& value, const std::string& key) {
  if (!value.is_object() || value.size() == 0) return plain(value);
  const std::string start = key.empty() ? "" : key + '.';
  size_t width = 0;
  for (const auto& member : value.members())
    width = std::max(width, start.size() + member.first.size());
  std::string out;
  for (const auto& [name, member] : value.members()) {
    const std::string shown = start + name;
    out += (out.empty() ? "" : "\n") + shown + std::string(width - shown.size(), ' ') + " = " +
           plain(member);
  }
  return out;
}

inline std::string rendered(const Json& value, uint32_t format, const std::string& key) {
  const Json ordered = sorted(value);
  switch (format) {
    case JP_JSON:
      return value.dump();
    case JP_JSON_PRETTY:
      return ordered.pretty().erase(ordered.pretty().size() - 1);
    case JP_PLAIN:
      return plain(value);
    case JP_LINES: {
      std::string out;
      append_lines(out, ordered, "");
      return out;
    }
    case JP_MEMBERS:
      return members(ordered, key);
    default:
      throw Error(Errc::usage, "unknown format " + std::to_string(format));
  }
}

// jetpack.config/1, with a directory as the home.
class FakeConfig {
 public:
  explicit FakeConfig(std::string home_directory) : home(std::move(home_directory)) {
    table.size = sizeof table;
    table.self = this;
    table.get = [](void* self, jp_str tree, jp_str key, uint32_t format, jp_sink out,
                   jp_error* err) {
      return boundary::guard(err, [&] {
        const std::string dotted(boundary::view(key));
        const Json* value =
            static_cast<const FakeConfig*>(self)->find(boundary::view(tree), dotted);
        if (value == nullptr)
          throw Error(Errc::not_found, "there is no key '" + dotted + "' in the configuration");
        write_to(out, rendered(*value, format, dotted));
      });
    };
    table.set_property = [](void* self, jp_str key, jp_str json, jp_error* err) {
      return boundary::guard(err, [&] {
        static_cast<FakeConfig*>(self)->properties.set_path(
            boundary::view(key), Json::parse(boundary::view(json), "the property's value"));
      });
    };
    table.path = [](void* self, jp_str name, jp_sink out, jp_error* err) {
      return boundary::guard(err, [&] {
        const std::string below(boundary::view(name));
        if (below.starts_with('/') || ('/' + below + '/').find("/../") != below.npos)
          throw Error(Errc::usage, "'" + below + "' is not a path below the home tree");
        const auto& root = static_cast<const FakeConfig*>(self)->home;
        write_to(out, below.empty() ? root : root + '/' + below);
      });
    };
  }
  FakeConfig(const FakeConfig&) = delete;
  FakeConfig& operator=(const FakeConfig&) = delete;

  // What a key leads to; nullptr when there is nothing.
  const Json* find(std::string_view tree, std::string_view dotted) const {
    const Json* value = tree == JP_TREE_USERS        ? &users
                        : tree == JP_TREE_PROPERTIES ? &properties
                                                     : &configuration;
    while (!dotted.empty()) {
      const size_t dot = dotted.find('.');
      if (!value->has(dotted.substr(0, dot))) return nullptr;
      value = &(*value)[dotted.substr(0, dot)];
      dotted = dot == dotted.npos ? std::string_view() : dotted.substr(dot + 1);
    }
    return value;
  }

  jp_config table{};
  std::string home;
  Json configuration = Json::object();
  Json properties = Json::object();
  Json users = Json::array();
};

}  // namespace jetpack::testing::detail
