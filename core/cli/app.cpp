// One run of jetpack: from the arguments to the exit code.
#include "cli/app.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include <jetpack/error.hpp>
#include "cli/answer.hpp"
#include "cli/command_line.hpp"
#include "cli/help.hpp"
#include "cli/report.hpp"
#include "cli/run_command.hpp"
#include "commands/commands.hpp"
#include "loader/refusal.hpp"
#include "services/config/home.hpp"
#include "support/ini.hpp"

namespace jetpack {

namespace {

// What stands before the command.
struct GlobalOptions {
  bool help = false;
  bool version = false;
  std::vector<std::string> plugin_path;
  std::vector<std::string> rest;  // the command and what follows
};

GlobalOptions take_global_options(std::vector<std::string> arguments) {
  GlobalOptions options;
  auto next = arguments.begin();
  for (; next != arguments.end() && next->starts_with('-'); ++next) {
    if (*next == "-h" || *next == "--help") {
      options.help = true;
    } else if (*next == "-v" || *next == "--version") {
      options.version = true;
    } else if (*next == "--plugin-path") {
      if (++next == arguments.end()) throw UsageError("option '--plugin-path' requires a value");
      options.plugin_path.push_back(*next);
    } else if (next->starts_with("--plugin-path=")) {
      options.plugin_path.push_back(next->substr(next->find('=') + 1));
    } else {
      throw UsageError("unknown option '" + next->substr(0, 80) + "'");
    }
  }
  options.rest.assign(std::make_move_iterator(next), std::make_move_iterator(arguments.end()));
  return options;
}

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts;
  size_t start = 0;
  for (size_t end = 0; end != std::string::npos; start = end + 1) {
    end = text.find(separator, start);
    std::string part = text.substr(start, end == std::string::npos ? end : end - start);
    // Only absolute directories: what is loaded must not depend on where we are called from.
    if (part.starts_with('/')) parts.push_back(std::move(part));
    if (end == std::string::npos) break;
  }
  return parts;
}

// Directories of plugins beside the built-ins and bundles: --plugin-path; for others than root also
// JETPACK_PLUGIN_PATH; and `path` in section [plugins] of config/jetpack.ini.
std::vector<std::string> plugin_directories(const Home& home, const GlobalOptions& options) {
  std::vector<std::string> directories = options.plugin_path;
  const char* from_environment = ::secure_getenv("JETPACK_PLUGIN_PATH");
  if (from_environment != nullptr && ::geteuid() != 0)
    for (auto& directory : split(from_environment, ':'))
      directories.push_back(std::move(directory));
  // A damaged file is reported by the commands that need it; help must work all the same.
  try {
    if (const auto ini = support::Ini::read(home.path("config/jetpack.ini")))
      for (auto& directory : split(ini->get("plugins", "path").value_or(""), ':'))
        directories.push_back(std::move(directory));
  } catch (const Error&) {
  }
  return directories;
}

// What is neither a command nor followed by enough words to be one.
int run_incomplete(Registry& registry, const std::vector<std::string>& rest) {
  const auto names = command_names(rest);
  const auto group = std::find_if(names.rbegin(), names.rend(), [&](const std::string& name) {
    return registry.has_group(name);
  });
  if (group == names.rend()) return unknown_command(rest[0], registry);
  const std::string text = group_overview(*group, registry.commands());
  if (asks_for_help({}, rest)) return answer(text);
  if (group != names.rbegin()) return unknown_command(*(group - 1), registry);
  tell("jetpack " + *group + ": missing subcommand; see 'jetpack help " + *group + "'\n" + text);
  return exit_usage;
}

int run_found(const Registry::Found& found, const std::vector<std::string>& arguments,
              Registry& registry, const Home& home, const std::string& prefix) {
  const Plugin& plugin = *found.plugin;
  CommandNote command;
  command.name = found.name;
  return report_failure(command, plugin, [&] {
    if (!plugin.refusal.empty()) throw Refusal(plugin.refusal);
    command = plugin.note->command(found.name);
    if (asks_for_help(command, arguments)) return answer(command_help(command));
    const Values values = Values::parse(command, arguments);
    if (plugin.origin == Origin::host) return run_host_command(command, values, registry);
    HostServices services(home, prefix + JETPACK_SERVICE_DIR);
    return run_command(plugin, command, values, services);
  });
}

// "jetpack", and what packagers make of it: "jetpack-8.10", "jetpack.real". Not "jetpackd".
bool is_our_own(const std::string& name) {
  constexpr std::string_view own = "jetpack";
  return name.starts_with(own) &&
         (name.size() == own.size() || name[own.size()] == '-' || name[own.size()] == '.');
}

int dispatch(GlobalOptions options) {
  if (options.version) return answer(JETPACK_VERSION "\n");
  const Home home = Home::find();
  const std::string prefix = installation_prefix() + '/';
  Registry registry({prefix + JETPACK_PLUGIN_DIR,
                     {home.root() + "/plugins/active", prefix + "plugins/active"},
                     plugin_directories(home, options)},
                    host_note());
  auto& rest = options.rest;
  if (options.help && rest.empty()) return answer(overview(registry.commands()));
  if (options.help) rest.emplace_back("--help");
  if (rest.empty()) {
    tell(overview(registry.commands()));
    return exit_usage;
  }
  const Registry::Found found = registry.find(rest);
  if (found.plugin == nullptr) return run_incomplete(registry, rest);
  rest.erase(rest.begin(), rest.begin() + static_cast<ptrdiff_t>(found.words));
  return run_found(found, rest, registry, home, prefix);
}

}  // namespace

int run(const std::string& program, std::vector<std::string> arguments) {
  try {
    const std::string name = program.substr(program.rfind('/') + 1);
    if (!is_our_own(name)) {
      GlobalOptions options;
      options.rest = std::move(arguments);
      options.rest.insert(options.rest.begin(), name);
      return dispatch(std::move(options));
    }
    return dispatch(take_global_options(std::move(arguments)));
  } catch (const UsageError& e) {
    tell(std::string("jetpack: ") + e.what() + "; see 'jetpack --help'");
    return exit_usage;
  } catch (const Error& e) {
    tell(std::string("jetpack: ") + e.what());
    return exit_failed;
  } catch (const std::exception& e) {
    tell(std::string("jetpack: internal error: ") + e.what());
    return exit_failed;
  }
}

}  // namespace jetpack
