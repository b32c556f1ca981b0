// The commands that belong to the host itself: help, version, plugin list.
#include "cli/host_commands.hpp"

#include <unistd.h>

#include <cerrno>

#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <jetpack/plugin.hpp>
#include "cli/answer.hpp"
#include "cli/help.hpp"
#include "cli/report.hpp"
#include "loader/refusal.hpp"

namespace jetpack {

namespace {

constexpr auto declaration = detail::plugin(
    "jetpack.host", JETPACK_PROJECT_VERSION,
    command("help", "Show how a command is used", nullptr,
            argument("COMMAND", "The command, of one to three words").optional().repeated(),
            flag("json", "Print the notes of all plugins, with every parameter, as JSON"),
            example("jetpack help config", "Shows the options of `jetpack config` and examples")),
    command("plugin list", "List the plugins and what they provide", nullptr,
            flag("json", "Print JSON"),
            description("Plugins are read, not loaded. One that is refused is listed with the "
                        "reason; one whose command another plugin provides first is listed as "
                        "shadowed.")),
    command("version", "Print the version", nullptr,
            flag("json", "Print our own version, the plugin ABI and the compiler as JSON"),
            description("The first line is the version of the reference whose behaviour jetpack "
                        "matches, and our build number: what callers compare.")));

constexpr auto own_note = detail::make_note<declaration>();

using Writer = rapidjson::Writer<rapidjson::StringBuffer>;

void write_text(Writer& writer, std::string_view text) {
  writer.String(text.data(), static_cast<rapidjson::SizeType>(text.size()));
}

void member(Writer& writer, const char* key, std::string_view text) {
  writer.Key(key);
  write_text(writer, text);
}

std::string line_of(const rapidjson::StringBuffer& buffer) {
  return std::string(buffer.GetString(), buffer.GetSize()) + '\n';
}

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

int version(const Values& values) {
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

std::string_view host_note() { return {own_note.descriptor, own_note.descriptor_size}; }

int run_host_command(const CommandNote& command, const Values& values, Registry& registry) {
  if (command.name == "help") return help(values, registry);
  if (command.name == "version") return version(values);
  return answer(values.flag("json") ? plugins_json(registry) : plugins_text(registry));
}

}  // namespace jetpack
