// What a plugin's file says of itself: the note of a library for any machine, or of an executable
// plugin (NAME.json beside its program).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace jetpack::bundles {

struct PluginFile {
  struct Command {
    std::string name;
    std::string summary;
    bool operator==(const Command&) const = default;
  };

  std::string id, version;
  uint16_t abi_major = 0, abi_minor = 0;
  std::vector<std::string> needed;  // services
  std::vector<Command> commands;
  std::string platform;  // "linux-x86_64"; empty: runs anywhere
  std::string program;   // beside the note; empty for a library
};

// Reads NAME.so or NAME.json without running anything. Throws Refusal.
PluginFile read_plugin_file(const std::string& path);

// Throws Refusal unless this jetpack can run it.
void check_runs_here(const std::string& path);

// Whether a library for this machine declares the command.
bool library_has_command(const std::string& path, std::string_view command);

// Whether a file outside of a bundle is a library, or a JSON file that names a program.
bool is_plugin(const std::string& path);

// Whether the file of a bundle is a plugin's, by its name: a library, or a note.
bool is_plugin_file(const std::string& path);

}  // namespace jetpack::bundles
