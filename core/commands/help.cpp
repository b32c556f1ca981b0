// `jetpack help`: the overview, one command, or the notes of all plugins.
#include <unistd.h>

#include "cli/answer.hpp"
#include "cli/help.hpp"
#include "commands/commands.hpp"
#include "commands/plugin_offers.hpp"
#include "loader/refusal.hpp"
#include "support/files.hpp"
#include "support/home_files.hpp"
#include "support/json_writer.hpp"
#include "support/settings.hpp"
#include "support/text.hpp"

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
  std::vector<std::string_view> notes;
  for (const auto& plugin : registry.all())
    if (plugin.refusal.empty() && has_sound_details(*plugin.note))
      notes.push_back(plugin.note->text());
  const auto add_note = [](support::JsonWriter& json, std::string_view note) {
    json.RawValue(note.data(), note.size(), rapidjson::kObjectType);
  };
  return support::shown_json(
      support::json_object([&](support::Object& json) { json.list("plugins", notes, add_note); }));
}

// "a whole number from 1 to 64"; "" for a text.
std::string expected_of(const SettingNote& setting) {
  if (setting.type == "flag") return "true or false";
  if (setting.type == "duration") return "a duration such as 90 (seconds), 10m, 6h or 2d";
  if (setting.type != "integer") return "";
  std::string text = "a whole number";
  if (setting.min) text += " from " + std::to_string(*setting.min);
  if (setting.max) text += (setting.min ? " to " : " up to ") + std::to_string(*setting.max);
  return text;
}

void add_setting_text(std::string& text, std::string_view key, std::string_view help,
                      std::string_view expected, std::string_view fallback) {
  text.append("\n").append(key).append("\n    ").append(help) += '\n';
  if (!expected.empty()) text.append("    Values: ").append(expected) += '\n';
  if (!fallback.empty()) text.append("    Default: ").append(fallback) += '\n';
}

std::string settings_text(Registry& registry) {
  std::string text =
      "Dotted keys belong to the node's configuration, keys after a [section] to\n"
      "config/jetpack.ini. An invalid value is a warning, and the default is used.\n";
  for (const auto& setting : support::settings())
    add_setting_text(text, setting.key, setting.help, setting.expected(), setting.fallback);
  for (const auto& [plugin, offers] : all_offers(registry)) {
    if (offers.settings.empty()) continue;
    text += "\nPlugin " + plugin->note->id() + ":\n";
    for (const auto& setting : offers.settings)
      add_setting_text(text, setting.key, setting.help, expected_of(setting),
                       setting.fallback.value_or(""));
  }
  return text;
}

std::string settings_json(Registry& registry) {
  const auto add = [](support::JsonWriter& json, std::string_view plugin, std::string_view key,
                      const std::string& expected, std::string_view fallback,
                      std::string_view help) {
    support::Object object(json);
    object.text("key", key).text("expected", expected).text("default", fallback).text("help", help);
    if (!plugin.empty()) object.text("plugin", plugin);
  };
  return support::shown_json(support::json_text([&](support::JsonWriter& json) {
    json.StartArray();
    for (const auto& setting : support::settings())
      add(json, "", setting.key, setting.expected(), setting.fallback, setting.help);
    for (const auto& [plugin, offers] : all_offers(registry))
      for (const auto& setting : offers.settings)
        add(json, plugin->note->id(), setting.key, expected_of(setting),
            setting.fallback.value_or(""), setting.help);
    json.EndArray();
  }));
}

// "" where the mode is not the agent's to decide.
std::string mode_of(const support::HomeFile& file) {
  return file.mode == 0 ? "" : support::octal(file.mode);
}

std::string_view path_of(const support::HomeFile& file) {
  return file.path[0] == '\0' ? "." : file.path;
}

std::string files_text() {
  std::string text =
      "Paths are below the home tree, /opt/cycle/jetpack unless JETPACK_HOME names another.\n"
      "NAME and other words in upper case stand for any text. What is not marked as\n"
      "editable is replaced or removed by jetpack. Edited files in /etc are kept by upgrades.\n";
  for (const auto& file : support::home_files()) {
    const std::string mode = mode_of(file);
    text += '\n';
    text.append(path_of(file)).append(file.may_be_edited ? " (editable)\n    " : "\n    ");
    text.append(file.help).append("\n    By: ").append(file.writer).append(". ");
    text.append("Format: ").append(file.format);
    text += (mode.empty() ? "" : ", " + mode) +
            (file.is_secret ? ". May have passwords in it\n" : "\n");
  }
  return text;
}

std::string files_json() {
  const auto add_file = [](support::JsonWriter& json, const support::HomeFile& file) {
    support::Object(json)
        .text("path", path_of(file))
        .text("mode", mode_of(file))
        .text("format", file.format)
        .text("writer", file.writer)
        .boolean("editable", file.may_be_edited)
        .boolean("secret", file.is_secret)
        .text("help", file.help);
  };
  return support::shown_json(support::json_array(support::home_files(), add_file));
}

}  // namespace

int help(const Values& values, Registry& registry) {
  const auto words = values.texts("COMMAND");
  if (words == std::vector<std::string>{"settings"})
    return answer(values.flag("json") ? settings_json(registry) : settings_text(registry));
  if (words == std::vector<std::string>{"files"})
    return answer(values.flag("json") ? files_json() : files_text());
  if (values.flag("json")) return answer(notes_json(registry));
  if (words.empty()) return answer(overview(registry.commands(), help_width(STDOUT_FILENO)));
  std::string name;
  for (const auto& word : words) name += (name.empty() ? "" : " ") + word;
  const auto found = registry.find(words);
  if (const Plugin* plugin = found.plugin;
      plugin != nullptr && plugin->note && found.name == name) {
    std::string text = command_help(plugin->note->command(name), help_width(STDOUT_FILENO));
    if (!plugin->refusal.empty())
      text +=
          "\nIt cannot be run: plugin " + plugin->path + " is refused: " + plugin->refusal + '\n';
    return answer(support::printable(text));
  }
  if (registry.has_group(name))
    return answer(group_overview(name, registry.commands(), help_width(STDOUT_FILENO)));
  return unknown_command(name, registry);
}

}  // namespace jetpack::commands
