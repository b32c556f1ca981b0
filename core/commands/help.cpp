// `jetpack help`: the overview, one command, or the notes of all plugins.
#include "cli/help.hpp"
#include "cli/answer.hpp"
#include "commands/commands.hpp"
#include "commands/json_writer.hpp"
#include "loader/refusal.hpp"

namespace jetpack::commands {

namespace {

// Whether all of the note is what it should be, not only its listing.
bool has_sound_details(const Note& plugin) {
  try {
    for (const auto& entry : plugin.commands()) plugin.command(entry.name);
    return true;
  } catch (const Refusal&) {
    return false;
  }
}

std::string notes_json(Registry& registry) {
  rapidjson::StringBuffer buffer;
  Writer writer(buffer);
  writer.StartObject();
  writer.Key("plugins");
  writer.StartArray();
  for (const auto& plugin : registry.all()) {
    if (!plugin.refusal.empty() || !has_sound_details(*plugin.note)) continue;
    const std::string& text = plugin.note->text();
    writer.RawValue(text.data(), text.size(), rapidjson::kObjectType);
  }
  writer.EndArray();
  writer.EndObject();
  return line_of(buffer);
}

}  // namespace

int help(const Values& values, Registry& registry) {
  const auto words = values.texts("COMMAND");
  if (values.flag("json")) return answer(notes_json(registry));
  if (words.empty()) return answer(overview(registry.commands()));
  std::string name;
  for (const auto& word : words) name += (name.empty() ? "" : " ") + word;
  const auto found = registry.find(words);
  if (const Plugin* plugin = found.plugin;
      plugin != nullptr && plugin->note && found.name == name) {
    std::string text = command_help(plugin->note->command(name));
    if (!plugin->refusal.empty())
      text +=
          "\nIt cannot be run: plugin " + plugin->path + " is refused: " + plugin->refusal + '\n';
    return answer(text);
  }
  if (registry.has_group(name)) return answer(group_overview(name, registry.commands()));
  return unknown_command(name, registry);
}

}  // namespace jetpack::commands
