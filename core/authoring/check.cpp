// Examines a plugin as the host and its users will: what it declares, and how it was linked.
#include "authoring/check.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <filesystem>

#include <jetpack/error.hpp>
#include "loader/program.hpp"
#include "loader/registry.hpp"
#include "support/script_interpreter.hpp"

namespace jetpack::authoring {

namespace {

constexpr std::string_view library_suffix = ".so", note_suffix = ".json";

bool is_directory(const std::string& path) {
  struct stat info {};
  return ::stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode);
}

// What the host would find in a directory, sorted as it does.
void add_plugins_in(const std::string& directory, std::vector<std::string>& paths) {
  const auto start = static_cast<ptrdiff_t>(paths.size());
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    const std::string path = entry.path().string();
    const bool is_plugin =
        path.ends_with(library_suffix) ||
        (path.ends_with(note_suffix) && inspect_program(path, Origin::directory));
    if (is_plugin) paths.push_back(path);
  }
  std::sort(paths.begin() + start, paths.end());
}

void check_mode(const std::string& path, Findings& findings) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) return;
  if ((info.st_mode & (S_IWGRP | S_IWOTH)) == 0)
    return findings.ok("permissions", "of its owner alone");
  findings.warn(
      "permissions",
      "others than its owner can write it, and jetpack then refuses it; run 'chmod go-w' on it");
}

void check_program(const std::string& program, Findings& findings) {
  check_mode(program, findings);
  try {
    check_executable(program);
    const std::string line = support::first_line_of(program);
    if (!support::is_elf(line)) support::interpreter_in(line);
    findings.ok("program", program);
  } catch (const std::runtime_error& error) {
    findings.fail("program", error.what());
  }
}

}  // namespace

std::vector<std::string> plugins_at(const std::vector<std::string_view>& paths) {
  std::vector<std::string> plugins;
  for (const auto& given : paths) {
    const std::string path(given);
    const size_t before = plugins.size();
    if (is_directory(path)) {
      add_plugins_in(path, plugins);
    } else {
      plugins.push_back(path);
    }
    if (plugins.size() == before) throw Error(Errc::not_found, path + ": no plugin found in it");
  }
  return plugins;
}

Findings check_plugin(const std::string& path) {
  Findings findings(path);
  const Plugin plugin = inspect(path, Origin::directory);
  if (plugin.note) {
    findings.identify(plugin.note->id(), plugin.note->version());
    check_note(*plugin.note, findings);
  }
  if (!plugin.refusal.empty()) {
    findings.fail("host", "refuses it: " + plugin.refusal);
  } else {
    findings.ok("ABI", std::to_string(plugin.note->abi_major()) + '.' +
                           std::to_string(plugin.note->abi_minor()));
  }
  check_mode(path, findings);
  if (!plugin.program.empty()) check_program(plugin.program, findings);
  if (!plugin.note || !plugin.program.empty()) return findings;
  try {
    check_linking(ElfImage(path), findings);
  } catch (const Error& error) {
    findings.fail("library", error.what());
  }
  return findings;
}

}  // namespace jetpack::authoring
