// libFuzzer target for the configuration: two JSON documents and a key, separated by 0xFF bytes, are
// parsed, laid over each other, searched and written in every form.
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include <jetpack/abi.h>
#include <jetpack/error.hpp>
#include "services/config/lookup.hpp"
#include "services/config/render.hpp"
#include "services/config/trees.hpp"
#include "support/json.hpp"

namespace {

using jetpack::support::Json;

std::string_view next_part(std::string_view& input) {
  const size_t end = input.find('\xFF');
  const std::string_view part = input.substr(0, end);
  input.remove_prefix(end == std::string_view::npos ? input.size() : end + 1);
  return part;
}

void require(bool holds) {
  if (!holds) std::abort();
}

// What is written is valid text, and JSON reads back as the same value.
void check_forms(const rapidjson::Value& value) {
  for (const uint32_t format : std::array<uint32_t, 4>{JP_JSON, JP_JSON_PRETTY, JP_PLAIN, JP_LINES})
    require(jetpack::support::is_utf8(jetpack::render(value, format)));
  const Json again = Json::parse(jetpack::render(value, JP_JSON), "again");
  require(jetpack::support::to_json(again.root()) == jetpack::support::to_json(value));
  const std::string pretty = jetpack::render(value, JP_JSON_PRETTY);
  require(jetpack::render(Json::parse(pretty, "pretty").root(), JP_JSON_PRETTY) == pretty);
}

// What is strict JSON reads the same by both rules.
void check_rules(std::string_view text, const rapidjson::Value& lenient) {
  try {
    const Json strict = Json::parse(text, "strict", {}, jetpack::support::JsonRules::strict);
    require(strict.root() == lenient);
  } catch (const jetpack::Error& e) {
    require(e.code() == jetpack::Errc::corrupt);
  }
}

std::string found(const rapidjson::Value& tree, std::string_view key) {
  const auto* value = jetpack::find_key(tree, key);
  return value == nullptr ? "nothing" : jetpack::render(*value, JP_JSON_PRETTY);
}

using Precedence = jetpack::Tree::Precedence;

// The two documents laid over each other, or what `key` leads to in them.
jetpack::Tree laid_over(std::string_view base, std::string_view layer, std::string_view key,
                        Precedence precedence) {
  jetpack::Tree tree(Json::parse(base, "base", key));
  tree.lay_over(Json::parse(layer, "layer", key), precedence);
  return tree;
}

void lay_over_and_search(std::string_view base, std::string_view layer, std::string_view key,
                         Precedence precedence) {
  const jetpack::Tree whole = laid_over(base, layer, {}, precedence);
  check_forms(whole.root());
  require(key.starts_with(jetpack::known_part(whole.root(), key)));
  // Reading no more than a key leads to gives the same answer.
  const jetpack::Tree part = laid_over(base, layer, key, precedence);
  require(found(part.root(), key) == found(whole.root(), key));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view input(reinterpret_cast<const char*>(data), size);
  const std::string_view base = next_part(input);
  const std::string_view layer = next_part(input);
  try {
    const Json document = Json::parse(base, "base");
    check_forms(document.root());
    check_rules(base, document.root());
    const bool objects =
        document.root().IsObject() && Json::parse(layer, "layer").root().IsObject();
    if (!objects || !jetpack::support::is_utf8(input)) return 0;
    lay_over_and_search(base, layer, input, Precedence::replace);
    lay_over_and_search(base, layer, input, Precedence::keep_kinds);
  } catch (const jetpack::Error& e) {
    require(e.code() == jetpack::Errc::corrupt);
  }
  return 0;
}
