// `jetpack plugin run ID COMMAND ...`: a command of one particular plugin.
#include "cli/named_plugin.hpp"

#include "cli/report.hpp"

namespace jetpack {

namespace {

// Whether the plugin is called so, or is one of several in a bundle that is.
bool has_name(const Plugin& plugin, const std::string& id) {
  if (!plugin.note) return plugin.path.find("/active/" + id + '/') != std::string::npos;
  const std::string& own = plugin.note->id();
  return own == id || own.starts_with(id + '.');
}

}  // namespace

bool names_plugin(const std::vector<std::string>& words) {
  return words.size() > named_plugin_words && words[0] == "plugin" && words[1] == "run" &&
         !words[2].starts_with('-');
}

Registry::Found find_named(const std::vector<std::string>& words, Registry& registry) {
  const std::string& id = words[2];
  const auto names = command_names({words.begin() + named_plugin_words, words.end()});
  bool is_there = false;
  for (const auto& plugin : registry.all()) {
    if (!has_name(plugin, id)) continue;
    is_there = true;
    if (!plugin.note) return {&plugin, names.empty() ? "" : names[0], 1};
    for (size_t i = names.size(); i-- > 0;)
      if (plugin.note->has_command(names[i])) return {&plugin, names[i], i + 1};
  }
  tell("jetpack plugin run: " +
       (is_there ? id + " has no command '" + words[named_plugin_words] + "'"
                 : "there is no plugin '" + id + "'") +
       "; see 'jetpack plugin list'");
  return {};
}

}  // namespace jetpack
