// What the host itself says on stdout and, of unknown commands, on stderr.
#include "cli/answer.hpp"

#include <unistd.h>

#include <cerrno>

#include <jetpack/error.hpp>
#include "cli/report.hpp"
#include "support/files.hpp"
#include "support/suggest.hpp"

namespace jetpack {

int answer(std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(STDOUT_FILENO, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0)
      throw Error(Errc::failed,
                  "cannot write to standard output: " + support::system_message(errno));
    text.remove_prefix(static_cast<size_t>(written));
  }
  return exit_done;
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
  const std::string meant = support::nearest(name, names);
  tell("jetpack: unknown command '" + name.substr(0, 80) + "'; " +
       (meant.empty() ? "see 'jetpack --help'" : "did you mean '" + meant + "'?"));
  // Any of these may be what was meant: there is no way to tell what they provide.
  for (const auto& plugin : registry.all())
    if (!plugin.note) tell("jetpack: refused: " + plugin.path + ": " + plugin.refusal);
  return exit_unknown_command;
}

}  // namespace jetpack
