// One run of jetpack: from the arguments to the exit code.
#include "cli/app.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <optional>

#include <jetpack/error.hpp>
#include "cli/answer.hpp"
#include "cli/command_line.hpp"
#include "cli/configured.hpp"
#include "cli/help.hpp"
#include "cli/named_plugin.hpp"
#include "cli/report.hpp"
#include "cli/run_command.hpp"
#include "cli/run_offer.hpp"
#include "cli/run_program.hpp"
#include "commands/commands.hpp"
#include "loader/refusal.hpp"
#include "services/config/home.hpp"
#include "support/files.hpp"
#include "support/ini.hpp"
#include "support/trust.hpp"

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

// Adds the directories in `list`, which `what` is the name of. Only absolute ones: what is loaded must
// not depend on where we are called from.
void add_directories(SearchPath& path, const std::string& what, const std::string& list) {
  for (size_t start = 0; start <= list.size();) {
    const size_t end = std::min(list.find(':', start), list.size());
    std::string directory = list.substr(start, end - start);
    if (directory.starts_with('/')) {
      path.directories.push_back(std::move(directory));
    } else if (!directory.empty()) {
      std::string reason = "ignoring '";
      reason.append(directory).append("' in ").append(what);
      path.ignored.push_back(reason.append(": it is not an absolute path"));
    }
    start = end + 1;
  }
}

// Adds the directories of plugins beside the built-ins and bundles: --plugin-path; for others than
// root also JETPACK_PLUGIN_PATH; and `path` in section [plugins] of config/jetpack.ini.
void add_plugin_directories(SearchPath& path, const Home& home, const GlobalOptions& options) {
  for (const auto& directory : options.plugin_path) {
    struct stat info {};
    if (::stat(directory.c_str(), &info) != 0) {
      path.ignored.push_back("--plugin-path " + directory + ": " + support::system_message(errno));
    } else if (!S_ISDIR(info.st_mode)) {
      path.ignored.push_back("--plugin-path " + directory + ": not a directory");
    }
    path.directories.push_back(directory);
  }
  path.named = path.directories.size();
  const char* from_environment = ::secure_getenv("JETPACK_PLUGIN_PATH");
  if (from_environment != nullptr && ::geteuid() == 0) {
    path.ignored.emplace_back("JETPACK_PLUGIN_PATH is ignored for root; use --plugin-path");
  } else if (from_environment != nullptr) {
    add_directories(path, "JETPACK_PLUGIN_PATH", from_environment);
    path.index.clear();
  }
  // A damaged file is reported by the commands that need it; help must work all the same.
  const std::string file = home.path("config/jetpack.ini");
  try {
    const auto ini = support::Ini::read(file);
    const std::string list = ini ? ini->get("plugins", "path").value_or("") : "";
    if (list.empty()) return;
    // Root's environment may name the home of another, whose file must not name what root runs.
    if (::geteuid() == 0) support::trusted_path(file);
    add_directories(path, "[plugins] path", list);
  } catch (const Error& e) {
    if (e.code() == Errc::denied)
      path.ignored.push_back(std::string("ignoring [plugins] path: ") + e.what());
  }
}

// What is neither a command nor followed by enough words to be one.
int run_incomplete(Registry& registry, const std::vector<std::string>& rest) {
  const auto names = command_names(rest);
  const auto group = std::find_if(names.rbegin(), names.rend(), [&](const std::string& name) {
    return registry.has_group(name);
  });
  if (group == names.rend()) return unknown_command(rest[0], registry);
  const auto text_for = [&](int fd) {
    return group_overview(*group, registry.commands(), help_width(fd));
  };
  if (asks_for_help({}, rest)) return answer(text_for(STDOUT_FILENO));
  if (group != names.rbegin()) return unknown_command(*(group - 1), registry);
  tell("jetpack " + *group + ": missing subcommand; see 'jetpack help " + *group + "'\n" +
       text_for(STDERR_FILENO));
  return exit_usage;
}

// nullopt when the command is also the first word of others, one of which must have been meant:
// "jetpack props", "jetpack props gte".
std::optional<Values> parse_values(const CommandNote& command,
                                   const std::vector<std::string>& arguments, Registry& registry,
                                   const Home& home) {
  try {
    return Values::parse(command, arguments, configured_in(home));
  } catch (const UsageError&) {
    const bool has_option = !arguments.empty() && arguments.front().starts_with('-');
    if (has_option || !registry.has_group(command.name)) throw;
    return std::nullopt;
  }
}

int run_found(const Registry::Found& found, const std::vector<std::string>& words,
              Registry& registry, const Home& home, const std::string& prefix) {
  const std::vector<std::string> arguments(words.begin() + static_cast<ptrdiff_t>(found.words),
                                           words.end());
  const Plugin& plugin = *found.plugin;
  CommandNote command;
  command.name = found.name;
  return report_failure(command, plugin, [&] {
    if (!plugin.refusal.empty()) throw Refusal(plugin.refusal);
    command = plugin.note->command(found.name);
    if (asks_for_help(command, arguments))
      return answer(command_help(command, help_width(STDOUT_FILENO)));
    const auto values = parse_values(command, arguments, registry, home);
    if (!values) return run_incomplete(registry, words);
    if (plugin.origin == Origin::host) return run_host_command(command, *values, registry);
    HostServices services(home, prefix + JETPACK_SERVICE_DIR);
    if (!plugin.program.empty()) return run_program(plugin, command, *values, services);
    return run_command(plugin, command, *values, services);
  });
}

// "plugin run ID COMMAND ...".
int run_named(std::vector<std::string> words, Registry& registry, const Home& home,
              const std::string& prefix) {
  const Registry::Found found = find_named(words, registry);
  if (found.plugin == nullptr) return exit_unknown_command;
  words.erase(words.begin(), words.begin() + named_plugin_words);
  return run_found(found, words, registry, home, prefix);
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
  SearchPath path{prefix + JETPACK_PLUGIN_DIR,
                  {home.root() + "/plugins/active", prefix + "plugins/active"},
                  {},
                  0,
                  home.root() + "/plugins/commands.index",
                  {}};
  add_plugin_directories(path, home, options);
  // Never destroyed: to take apart what was read of all plugins is a tenth of the work of --help.
  static Registry& registry = *std::make_unique<Registry>(std::move(path), host_note()).release();
  auto& rest = options.rest;
  if (options.help && rest.empty())
    return answer(overview(registry.commands(), help_width(STDOUT_FILENO)));
  if (options.help) rest.emplace_back("--help");
  if (rest.empty()) {
    tell(overview(registry.commands(), help_width(STDERR_FILENO)));
    return exit_usage;
  }
  if (is_offer_call(rest)) return run_offer(rest, registry, home, prefix + JETPACK_SERVICE_DIR);
  if (names_plugin(rest)) return run_named(std::move(rest), registry, home, prefix);
  const Registry::Found found = registry.find(rest);
  if (found.plugin == nullptr) return run_incomplete(registry, rest);
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
