// How failures are reported: one line on stderr, then details, and the exit code.
#include "cli/report.hpp"

#include <jetpack/error.hpp>
#include "cli/command_line.hpp"
#include "cli/help.hpp"
#include "cli/standard_streams.hpp"
#include "loader/refusal.hpp"

namespace jetpack {

void tell(std::string_view text) {
  std::string line;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    line += (byte < 0x20 && c != '\n') || byte == 0x7F ? '?' : c;
  }
  if (line.empty() || line.back() != '\n') line += '\n';
  write_to_person(line);
}

int report_failure(const CommandNote& command, const Plugin& plugin,
                   const std::function<int()>& body) {
  const std::string start = "jetpack " + command.name + ": ";
  const auto usage = [&](const std::string& what) {
    tell(start + what + '\n' + usage_line(command) + "See 'jetpack help " + command.name + "'.");
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
