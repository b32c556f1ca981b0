// What a plugin's file says of itself.
#include "bundles/plugin_file.hpp"

#include <fcntl.h>

#include <cerrno>

#include <jetpack/abi.h>
#include <jetpack/error.hpp>
#include "loader/elf_note.hpp"
#include "loader/listing.hpp"
#include "loader/refusal.hpp"
#include "loader/registry.hpp"
#include "support/files.hpp"
#include "support/json.hpp"

namespace jetpack::bundles {

namespace {

constexpr std::string_view library_suffix = ".so", note_suffix = ".json";

PluginFile from_listing(std::string_view note) {
  std::vector<char> copy;
  Listing listing = read_listing(note, "details", copy);
  if (listing.schema != 1) throw Refusal("its note is not of schema 1");
  PluginFile file;
  file.id = std::move(listing.id);
  file.version = std::move(listing.version);
  file.needed = std::move(listing.needed);
  if (listing.abi.size() == 2) {
    file.abi_major = static_cast<uint16_t>(listing.abi[0]);
    file.abi_minor = static_cast<uint16_t>(listing.abi[1]);
  }
  for (const auto& command : listing.commands)
    file.commands.push_back({std::string(command.name), std::string(command.summary)});
  return file;
}

PluginFile read_library(const std::string& path) {
  const support::Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd) throw Refusal("cannot be read: " + support::system_message(errno));
  const FileReader reader(fd.get());
  const NoteText note = read_note(reader, Machine::any);
  PluginFile file = from_listing(note.text);
  file.platform = "linux-" + machine_of(reader);
  return file;
}

PluginFile read_note_file(const std::string& path) {
  const auto text = support::read_file(path, JP_NOTE_MAX);
  if (!text) throw Refusal("not found");
  PluginFile file = from_listing(*text);
  const auto json = support::Json::parse(*text, path, {}, support::JsonRules::strict);
  file.program = support::text_or(json.root(), "program", "");
  if (file.program.empty() || file.program.find('/') != std::string::npos)
    throw Refusal("its note names no program beside it");
  if (file.abi_major == 0) file.abi_major = JP_ABI_MAJOR;
  return file;
}

}  // namespace

bool is_plugin_file(const std::string& path) {
  return path.ends_with(library_suffix) || path.ends_with(note_suffix);
}

PluginFile read_plugin_file(const std::string& path) {
  try {
    PluginFile file = path.ends_with(note_suffix) ? read_note_file(path) : read_library(path);
    if (file.id.empty() || file.version.empty()) throw Refusal("it has no id or no version");
    return file;
  } catch (const Refusal& refusal) {
    throw Refusal(path + ": " + refusal.what());
  } catch (const Error& error) {
    throw Refusal(path + ": " + error.what());
  }
}

void check_runs_here(const std::string& path) {
  if (path.ends_with(note_suffix)) {
    read_plugin_file(path);
    return;
  }
  const Plugin plugin = inspect(path, Origin::bundle);
  if (!plugin.refusal.empty()) throw Refusal(plugin.refusal);
  for (const auto& entry : plugin.note->commands()) plugin.note->command(entry.name);
}

}  // namespace jetpack::bundles
