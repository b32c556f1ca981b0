// config/run_on_shutdown.json: the scripts that root runs before this node is terminated.
// `jetpack run_on_shutdown` writes it; the handler of a termination notice runs them.
//
// {"scripts": [{"path": "/opt/site/drain.sh", "registered": "2026-11-28T17:00:00.000Z"}, ...]}
//
// Root runs what is listed, so it is where only root can write, and each script is judged when it is
// registered and again before it is run.
#pragma once

#include <string>
#include <vector>

namespace jetpack::support {

struct ShutdownScript {
  std::string path;        // without symbolic links
  std::string registered;  // an ISO 8601 time
};

inline std::string shutdown_scripts_file(const std::string& config_directory) {
  return config_directory + "/run_on_shutdown.json";
}

// In the order of registration, which is the one to run them in; none when nothing was registered.
// Throws Errc::denied when others than root and the effective user could have written the file, and
// Errc::corrupt when it is invalid.
std::vector<ShutdownScript> read_shutdown_scripts(const std::string& config_directory);

// Throws as above where read_shutdown_scripts would refuse what was written, and as write_durably.
void write_shutdown_scripts(const std::string& config_directory,
                            const std::vector<ShutdownScript>& scripts);

// The path without symbolic links of a script that may be run: an absolute path, valid UTF-8, of an
// executable regular file that passes trusted_path. Throws with the reason: Errc::usage for what is
// no path of a script, Errc::not_found, denied or failed.
std::string runnable_script(const std::string& path);

}  // namespace jetpack::support
