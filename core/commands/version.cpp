// `jetpack version`: what callers compare, and what it was built from.
#include "cli/answer.hpp"
#include "commands/commands.hpp"
#include "commands/json_writer.hpp"

namespace jetpack::commands {

int version(const Values& values, Registry&) {
  if (!values.flag("json")) return answer(JETPACK_VERSION "\n");
  rapidjson::StringBuffer buffer;
  Writer writer(buffer);
  writer.StartObject();
  member(writer, "version", JETPACK_VERSION);
  member(writer, "jetpack", JETPACK_PROJECT_VERSION);
  member(writer, "reference", "8.10.0");
  member(writer, "abi", std::to_string(JP_ABI_MAJOR) + "." + std::to_string(JP_ABI_MINOR));
  member(writer, "compiler", __VERSION__);
  writer.EndObject();
  return answer(line_of(buffer));
}

}  // namespace jetpack::commands
