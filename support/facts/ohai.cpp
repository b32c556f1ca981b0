// Runs ohai.
#include "support/facts/ohai.hpp"

#include <unistd.h>

#include <chrono>
#include <utility>

#include <jetpack/error.hpp>
#include "support/settings.hpp"
#include "support/text.hpp"

namespace jetpack::support::facts {

namespace {

constexpr uint64_t max_output = 64 << 20;  // of the process service; kept half head, half tail
constexpr size_t shown_bytes = 300;

std::string find_ohai() {
  for (const char* path : {"/usr/bin/ohai", "/usr/local/bin/ohai", "/opt/cinc/bin/ohai",
                           "/opt/chef/bin/ohai", "/opt/cinc/embedded/bin/ohai"})
    if (::access(path, X_OK) == 0) return path;
  return {};
}

}  // namespace

std::string output_of_ohai(ProcessResult result, const std::string& program, int64_t seconds) {
  if (result.timed_out)
    throw Error(Errc::unavailable, program + " timed out after " + std::to_string(seconds) + " s");
  if (result.exit_code != 0)
    throw Error(Errc::failed,
                program +
                    (result.signal != 0 ? " was killed by signal " + std::to_string(result.signal)
                                        : " exited with " + std::to_string(result.exit_code)) +
                    ": " + one_line(trimmed(result.err).substr(0, shown_bytes)));
  if (result.out_bytes > result.out.size())
    throw Error(Errc::failed, program + " printed more than 64 MiB");
  return std::move(result.out);
}

std::function<std::string()> ohai_runner(const Config& config, const Process& process,
                                         const std::function<void(const std::string&)>& warn) {
  constexpr const char* wanted = "cyclecloud.jetpack.ohai";
  constexpr const char* timeout = "cyclecloud.jetpack.ohai_timeout";
  if (!flag_setting(wanted, configured_setting(config, wanted), warn)) return {};
  const std::string program = find_ohai();
  if (program.empty()) {
    warn(std::string(wanted) + " is on, but ohai is not installed; using our own facts alone");
    return {};
  }
  const int64_t seconds = number_setting(timeout, configured_setting(config, timeout), warn);
  return [&process, program, seconds] {
    ProcessSpec spec{{program}};
    spec.directory = "/";
    spec.deadline = std::chrono::seconds(seconds);
    spec.capture_bytes = max_output;
    return output_of_ohai(process.run(spec), program, seconds);
  };
}

}  // namespace jetpack::support::facts
