// Whether the node's software is configured.
#include "support/converged.hpp"

#include "support/files.hpp"
#include "support/json.hpp"
#include "support/script_environment.hpp"

namespace jetpack::support {

namespace {

constexpr uint64_t max_converge_history = 16 << 20;

// Whether the node has no specs, or `holds` for what is known of its converges.
template <class Holds>
bool has_no_specs_or(const Config& config, Holds holds) {
  try {
    if (node_specs(config).empty()) return true;
    const std::string path = converge_history_file(config);
    const auto text = read_file(path, max_converge_history);
    return text && holds(parse_json(*text, path));
  } catch (const Error&) {
    return false;
  }
}

}  // namespace

bool is_converged(const Config& config) {
  return has_no_specs_or(config, [](const rapidjson::Document& history) {
    const auto* runs = find_value(history, "runs");
    return runs != nullptr && runs->IsArray() && !runs->Empty() &&
           text_or((*runs)[runs->Size() - 1], "status", "") == "ok";
  });
}

bool was_configured(const Config& config) {
  return has_no_specs_or(config, [](const rapidjson::Document& history) {
    return !text_or(history, "configured", "").empty();
  });
}

}  // namespace jetpack::support
