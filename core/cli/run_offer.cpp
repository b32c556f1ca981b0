// `jetpack plugin offer ID KIND NAME`: runs what a plugin offers besides commands, for the daemons.
#include "cli/run_offer.hpp"

#include <unistd.h>

#include <jetpack/error.hpp>
#include "cli/command_line.hpp"
#include "cli/report.hpp"
#include "cli/run_command.hpp"
#include "cli/run_program.hpp"
#include "loader/offers.hpp"
#include "loader/refusal.hpp"
#include "services/host_services.hpp"
#include "support/files.hpp"
#include "support/text.hpp"

namespace jetpack {

namespace {

constexpr uint64_t max_event = 1 << 20;

// The first plugin with this id that is not refused, else a refused one, so that it can be said why.
const Plugin* plugin_with_id(Registry& registry, const std::string& id) {
  const Plugin* refused = nullptr;
  for (const auto& plugin : registry.all()) {
    if (plugin.origin == Origin::host || !plugin.note || plugin.note->id() != id) continue;
    if (plugin.refusal.empty()) return &plugin;
    if (refused == nullptr) refused = &plugin;
  }
  return refused;
}

// A hook's event as its only argument, "data".
CommandNote command_for(const std::string& kind, const std::string& name) {
  CommandNote command;
  command.name = kind + ' ' + name;
  if (kind != "hook") return command;
  ParameterNote& data = command.arguments.emplace_back();
  data.name = "data";
  return command;
}

}  // namespace

bool is_offer_call(const std::vector<std::string>& words) {
  return words.size() > 1 && words[1] == "offer" && words[0] == "plugin";
}

int run_offer(const std::vector<std::string>& words, Registry& registry, const Home& home,
              const std::string& module_directory) {
  if (words.size() != 5) throw UsageError("usage: jetpack plugin offer ID check|timer|hook NAME");
  const std::string &id = words[2], &kind = words[3], &name = words[4];
  const Plugin* plugin = plugin_with_id(registry, id);
  const std::string what = support::one_line(kind + " '" + name + "'");
  if (plugin == nullptr)
    throw Error(Errc::not_found,
                "no plugin '" + support::one_line(id) + "'; see 'jetpack plugin list'");
  CommandNote command = command_for(kind, name);
  return report_failure(command, *plugin, [&] {
    if (!plugin->refusal.empty()) throw Refusal(plugin->refusal);
    if (!read_offers(plugin->note->text()).has(kind, name))
      throw Error(Errc::not_found, "plugin " + id + " has no " + what);
    HostServices services(home, module_directory);
    if (!plugin->program.empty()) {
      command.arguments.clear();
      return run_program(*plugin, command, Values::parse(command, {}), services,
                         {"JETPACK_OFFER=" + kind, "JETPACK_OFFER_NAME=" + name});
    }
    std::vector<std::string> arguments;
    if (kind == "hook")
      arguments = {"--",
                   support::read_bounded(STDIN_FILENO, max_event, "standard input").value_or("")};
    return run_command(*plugin, command, Values::parse(command, arguments), services);
  });
}

}  // namespace jetpack
