// What the host itself says on stdout and, of unknown commands, on stderr.
#include "cli/answer.hpp"

#include <unistd.h>

#include "cli/report.hpp"
#include "support/files.hpp"
#include "support/suggest.hpp"

namespace jetpack {

int answer(std::string_view text) {
  if (const int error = support::write_all(STDOUT_FILENO, text)) fail_to_print(error);
  return exit_done;
}

void tell_ignored(const Registry& registry) {
  for (const auto& what : registry.ignored()) tell("jetpack: " + what);
}

int unknown_command(const std::string& name, Registry& registry) {
  const auto commands = registry.commands();
  std::vector<std::string_view> names;
  for (const auto& command : commands) {
    for (size_t end = command.name.find(' '); end != std::string_view::npos;
         end = command.name.find(' ', end + 1))
      names.push_back(command.name.substr(0, end));
    names.push_back(command.name);
  }
  std::string typed = "'";
  typed.append(name, 0, 80).append("'");
  const std::string meant = support::nearest(name, names);
  if (const std::string& why = registry.builtins_unread(); !why.empty()) {
    tell("jetpack: failed to look up the command " + typed + ": " + why);
  } else {
    tell("jetpack: unknown command " + typed + "; " +
         (meant.empty() ? "see 'jetpack --help'" : "did you mean '" + meant + "'?"));
  }
  tell_ignored(registry);
  // Any of these may be what was meant: there is no way to tell what they provide.
  for (const auto& plugin : registry.all())
    if (!plugin.note) tell("jetpack: refused: " + plugin.path + ": " + plugin.refusal);
  return exit_unknown_command;
}

}  // namespace jetpack
