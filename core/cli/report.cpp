// How failures are reported: one line on stderr, then details, and the exit code.
#include "cli/report.hpp"

#include <cerrno>
#include <csignal>

#include <jetpack/error.hpp>
#include "cli/command_line.hpp"
#include "cli/help.hpp"
#include "cli/standard_streams.hpp"
#include "loader/refusal.hpp"
#include "support/files.hpp"
#include "support/text.hpp"

namespace jetpack {

void tell(std::string_view text) {
  std::string line = support::printable(text);
  if (line.empty() || line.back() != '\n') line += '\n';
  write_to_person(line);
}

void fail_to_print(int error) {
  if (error == EPIPE) {
    // As git ends: without a message, also where the caller made us ignore the signal or a library
    // blocks it.
    sigset_t closed_pipe;
    sigemptyset(&closed_pipe);
    sigaddset(&closed_pipe, SIGPIPE);
    ::signal(SIGPIPE, SIG_DFL);
    ::pthread_sigmask(SIG_UNBLOCK, &closed_pipe, nullptr);
    ::raise(SIGPIPE);
  }
  throw Error(Errc::failed, "cannot write to standard output: " + support::system_message(error));
}

int report_failure(const CommandNote& command, const Plugin& plugin,
                   const std::function<int()>& body) {
  const std::string start = "jetpack " + command.name + ": ";
  const auto usage = [&](const std::string& what) {
    tell(start + what + '\n' + usage_line(command, help_width(STDERR_FILENO)) +
         "See 'jetpack help " + command.name + "'.");
    return exit_usage;
  };
  try {
    return body();
  } catch (const UsageError& e) {
    return usage(e.what());
  } catch (const Refusal& e) {
    tell(start + "plugin " + plugin.path + " was refused: " + e.what());
    return exit_refused;
  } catch (const Error& e) {
    if (e.code() == Errc::usage) return usage(e.what());
    tell(start + (e.code() == Errc::internal ? "internal error: " : "") + e.what());
    return exit_failed;
  } catch (const std::exception& e) {
    tell(start + "internal error: " + e.what());
    return exit_failed;
  }
}

}  // namespace jetpack
