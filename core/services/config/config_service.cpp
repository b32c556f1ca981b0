// jetpack.config/1.
#include "services/config/config_service.hpp"

#include <jetpack/boundary.hpp>
#include "services/config/lookup.hpp"
#include "services/config/render.hpp"
#include "services/config/trees.hpp"
#include "services/results.hpp"

namespace jetpack {

namespace {

const Home& home_of(void* self) { return *static_cast<const Home*>(self); }

Tree read_tree(const Home& home, std::string_view name, std::string_view key) {
  if (name == JP_TREE_CONFIG) return read_configuration(home, key);
  if (name == JP_TREE_PROPERTIES) return read_properties(home);
  if (name == JP_TREE_USERS) return read_users(home);
  throw Error(Errc::usage, "this jetpack has no tree '" + std::string(name) + "'");
}

std::string not_found(std::string_view tree, const rapidjson::Value& root, std::string_view key) {
  const std::string_view known = known_part(root, key);
  std::string text = "there is no key '" + std::string(key) + "' in the " +
                     (tree == JP_TREE_CONFIG ? "configuration" : std::string(tree));
  if (!known.empty()) text += "; '" + std::string(known) + "' exists";
  return text;
}

void write(const jp_sink& sink, const std::string& text) {
  write_to(sink, text, "the caller could not take the value");
}

int32_t get(void* self, jp_str tree, jp_str key, uint32_t format, jp_sink out, jp_error* err) {
  return boundary::guard(err, [&] {
    const Tree read = read_tree(home_of(self), boundary::view(tree), boundary::view(key));
    const auto* value = find_key(read.root(), boundary::view(key));
    if (value == nullptr && read.is_partial())
      throw Error(Errc::unavailable,
                  "the server's part of the configuration has not arrived yet: "
                  "config/configuration.json does not exist; '" +
                      std::string(boundary::view(key)) +
                      "' may be in it. See logs/jetpackd.log, or run jetpack "
                      "initialize");
    if (value == nullptr)
      throw Error(Errc::not_found,
                  not_found(boundary::view(tree), read.root(), boundary::view(key)));
    write(out, render(*value, format, boundary::view(key)));
  });
}

int32_t set_property(void* self, jp_str key, jp_str json, jp_error* err) {
  return boundary::guard(
      err, [&] { write_property(home_of(self), boundary::view(key), boundary::view(json)); });
}

int32_t path(void* self, jp_str name, jp_sink out, jp_error* err) {
  return boundary::guard(err, [&] { write(out, home_of(self).path(boundary::view(name))); });
}

}  // namespace

ConfigService::ConfigService(const Home& home)
    : table_{sizeof(jp_config), 0, const_cast<Home*>(&home), get, set_property, path} {}

}  // namespace jetpack
