// Dotted keys: "cyclecloud.cluster.name".
#include "services/config/lookup.hpp"

#include <algorithm>
#include <optional>

#include "support/json.hpp"

namespace jetpack {

namespace {

// How long the longest part of `key` is that leads somewhere below `tree`; nullopt when none does.
// (Not find_key for each part: that takes square time for a key of many words.)
std::optional<size_t> known_size(const rapidjson::Value& tree, std::string_view key) {
  std::optional<size_t> longest;
  for (size_t dot = key.find('.'); dot != std::string_view::npos; dot = key.find('.', dot + 1)) {
    const auto* member = support::find_member(tree, key.substr(0, dot));
    if (member == nullptr) continue;
    const auto below = known_size(*member, key.substr(dot + 1));
    longest = std::max(longest.value_or(0), below ? dot + 1 + *below : dot);
  }
  return longest;
}

}  // namespace

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
  return key.substr(0, known_size(tree, key).value_or(0));
}

}  // namespace jetpack
