// The defaults of parameters that come from the node's configuration.
#include "cli/configured.hpp"

#include <jetpack/error.hpp>
#include "services/config/lookup.hpp"
#include "services/config/render.hpp"
#include "services/config/trees.hpp"

namespace jetpack {

namespace {

using Value = rapidjson::Value;

// The tree, or nullopt on a node that has no configuration yet.
std::optional<Tree> configuration(const Home& home, const std::string& key) {
  try {
    return read_configuration(home, key);
  } catch (const Error& e) {
    if (e.code() != Errc::unavailable) throw;
    return std::nullopt;
  }
}

std::string typed(const Value& value, const std::string& key) {
  if (value.IsObject() || value.IsArray() || value.IsNull())
    throw Error(Errc::failed, "invalid value of " + key + " in the configuration: " +
                                  (value.IsNull()    ? "null"
                                   : value.IsArray() ? "a list"
                                                     : "an object") +
                                  "; expected a text, a number, true or false");
  if (value.IsBool()) return value.GetBool() ? "true" : "false";
  return render(value, JP_PLAIN, key);
}

}  // namespace

Configured configured_in(const Home& home) {
  return [&home](const std::string& key) -> std::optional<std::vector<std::string>> {
    const auto tree = configuration(home, key);
    const Value* value = tree ? find_key(tree->root(), key) : nullptr;
    if (value == nullptr || value->IsNull()) return std::nullopt;
    std::vector<std::string> texts;
    if (!value->IsArray()) {
      texts.push_back(typed(*value, key));
    } else {
      for (const auto& element : value->GetArray()) texts.push_back(typed(element, key));
    }
    return texts;
  };
}

}  // namespace jetpack
