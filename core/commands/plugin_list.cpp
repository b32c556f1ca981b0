// `jetpack plugin list`: every plugin that was found, with its commands or why it is refused.
#include <optional>

#include <jetpack/error.hpp>
#include "cli/answer.hpp"
#include "commands/commands.hpp"
#include "commands/plugin_offers.hpp"
#include "loader/plugin_state.hpp"
#include "support/json_writer.hpp"
#include "support/text.hpp"

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

// Why the bundle of a plugin is switched off; nullopt when it is not, or is not known to be.
std::optional<std::string> switched_off(const Plugin& plugin) {
  constexpr std::string_view active = "/plugins/active/";
  const size_t at = plugin.path.find(active);
  if (plugin.origin != Origin::bundle || at == std::string::npos) return std::nullopt;
  const size_t start = at + active.size();
  const std::string id = plugin.path.substr(start, plugin.path.find('/', start) - start);
  try {
    const PluginState state = PluginState::read(plugin.path.substr(0, at), id);
    return state.disabled ? std::optional(state.reason) : std::nullopt;
  } catch (const Error&) {
    return std::nullopt;  // running it reports it
  }
}

std::string plugins_json(Registry& registry) {
  const auto add_plugin = [&](support::JsonWriter& json, const Plugin& plugin) {
    const auto add_command = [&](support::JsonWriter&, const auto& entry) {
      support::Object command(json);
      command.text("name", entry.name).text("summary", entry.summary);
      if (const auto* other = registry.shadowed_by(plugin, entry.name))
        command.text("shadowed_by", other->note->id());
    };
    support::Object object(json);
    if (plugin.note)
      object.text("id", plugin.note->id())
          .text("version", plugin.note->version())
          .text("abi", std::to_string(plugin.note->abi_major()) + "." +
                           std::to_string(plugin.note->abi_minor()));
    object.text("origin", origin_name(plugin.origin));
    if (!plugin.path.empty()) object.text("path", plugin.path);
    if (!plugin.program.empty()) object.text("program", plugin.program);
    using Entries = std::remove_cvref_t<decltype(plugin.note->commands())>;
    object.list("commands", plugin.note ? plugin.note->commands() : Entries(), add_command);
    if (const auto reason = switched_off(plugin)) object.text("disabled", *reason);
    if (!plugin.refusal.empty()) object.text("refused", plugin.refusal);
  };
  return support::shown_json(support::json_array(registry.all(), add_plugin));
}

std::string plugins_text(Registry& registry) {
  std::string text;
  for (const auto& plugin : registry.all()) {
    const std::string path = support::one_line(plugin.path);
    text += plugin.note ? plugin.note->id() + ' ' + plugin.note->version() : path;
    text += std::string(" (") + origin_name(plugin.origin) + ")\n";
    if (const auto reason = switched_off(plugin))
      text += "    disabled: " + support::one_line(*reason) + '\n';
    if (!plugin.refusal.empty()) text += "    refused: " + support::one_line(plugin.refusal) + '\n';
    if (plugin.note && !plugin.path.empty()) text += "    " + path + '\n';
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
  tell_ignored(registry);
  if (values.flag("offers")) return plugin_offers(values, registry);
  return answer(values.flag("json") ? plugins_json(registry) : plugins_text(registry));
}

}  // namespace jetpack::commands
