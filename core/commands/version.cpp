// `jetpack version`: what callers compare, and what it was built from.
#include "cli/answer.hpp"
#include "commands/commands.hpp"
#include "support/json_writer.hpp"

namespace jetpack::commands {

int version(const Values& values, Registry&) {
  if (!values.flag("json")) return answer(JETPACK_VERSION "\n");
  return answer(support::shown_json(support::json_object([](support::Object& json) {
    json.text("version", JETPACK_VERSION)
        .text("jetpack", JETPACK_PROJECT_VERSION)
        .text("reference", "8.10.0")
        .text("abi", std::to_string(JP_ABI_MAJOR) + "." + std::to_string(JP_ABI_MINOR))
        .text("compiler", __VERSION__);
  })));
}

}  // namespace jetpack::commands
