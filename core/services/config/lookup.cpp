// Dotted keys: "cyclecloud.cluster.name".
#include "services/config/lookup.hpp"

#include "support/json.hpp"

namespace jetpack {

const rapidjson::Value* find_key(const rapidjson::Value& tree, std::string_view key) {
  if (key.empty()) return &tree;
  if (!tree.IsObject()) return nullptr;
  // The shortest first part comes first: nested keys are the rule, keys with dots the exception.
  for (size_t dot = key.find('.');; dot = key.find('.', dot + 1)) {
    if (const auto* member = support::find_member(tree, key.substr(0, dot))) {
      if (dot == std::string_view::npos) return member;
      const std::string_view rest = key.substr(dot + 1);
      // "a." asks for the member "" of a.
      const auto* found =
          rest.empty() ? support::find_member(*member, "") : find_key(*member, rest);
      if (found != nullptr) return found;
    }
    if (dot == std::string_view::npos) return nullptr;
  }
}

std::string_view known_part(const rapidjson::Value& tree, std::string_view key) {
  // For an error message, which a longer key would not make clearer; each part costs a look-up.
  constexpr size_t longest_shown = 1000;
  if (key.size() > longest_shown) return {};
  for (size_t end = key.rfind('.'); end != std::string_view::npos && end > 0;
       end = key.rfind('.', end - 1))
    if (find_key(tree, key.substr(0, end)) != nullptr) return key.substr(0, end);
  return {};
}

}  // namespace jetpack
