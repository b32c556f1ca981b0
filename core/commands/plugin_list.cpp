// `jetpack plugin list`: every plugin that was found, with its commands or why it is refused.
#include "cli/answer.hpp"
#include "commands/commands.hpp"
#include "commands/json_writer.hpp"

namespace jetpack::commands {

namespace {

const char* origin_name(Origin origin) {
  switch (origin) {
    case Origin::host:
      return "host";
    case Origin::builtin:
      return "built-in";
    case Origin::bundle:
      return "bundle";
    case Origin::directory:
      return "directory";
  }
  return "";
}

std::string plugins_json(Registry& registry) {
  rapidjson::StringBuffer buffer;
  Writer writer(buffer);
  writer.StartArray();
  for (const auto& plugin : registry.all()) {
    writer.StartObject();
    if (plugin.note) {
      member(writer, "id", plugin.note->id());
      member(writer, "version", plugin.note->version());
      member(writer, "abi",
             std::to_string(plugin.note->abi_major()) + "." +
                 std::to_string(plugin.note->abi_minor()));
    }
    member(writer, "origin", origin_name(plugin.origin));
    if (!plugin.path.empty()) member(writer, "path", plugin.path);
    writer.Key("commands");
    writer.StartArray();
    if (plugin.note) {
      for (const auto& entry : plugin.note->commands()) {
        writer.StartObject();
        member(writer, "name", entry.name);
        member(writer, "summary", entry.summary);
        if (const auto* other = registry.shadowed_by(plugin, entry.name))
          member(writer, "shadowed_by", other->note->id());
        writer.EndObject();
      }
    }
    writer.EndArray();
    if (!plugin.refusal.empty()) member(writer, "refused", plugin.refusal);
    writer.EndObject();
  }
  writer.EndArray();
  return line_of(buffer);
}

std::string plugins_text(Registry& registry) {
  std::string text;
  for (const auto& plugin : registry.all()) {
    text += plugin.note ? plugin.note->id() + ' ' + plugin.note->version() : plugin.path;
    text += std::string(" (") + origin_name(plugin.origin) + ")\n";
    if (!plugin.refusal.empty()) text += "    refused: " + plugin.refusal + '\n';
    if (plugin.note && !plugin.path.empty()) text += "    " + plugin.path + '\n';
    if (!plugin.note) continue;
    for (const auto& entry : plugin.note->commands()) {
      text += "    " + std::string(entry.name) + ": " + std::string(entry.summary);
      if (const auto* other = registry.shadowed_by(plugin, entry.name))
        text += " [shadowed by " + other->note->id() + "]";
      text += '\n';
    }
  }
  return text;
}

}  // namespace

int plugin_list(const Values& values, Registry& registry) {
  return answer(values.flag("json") ? plugins_json(registry) : plugins_text(registry));
}

}  // namespace jetpack::commands
