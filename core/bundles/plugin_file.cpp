// What a plugin's file says of itself.
#include "bundles/plugin_file.hpp"

#include <fcntl.h>

#include <cerrno>

#include <jetpack/abi.h>
#include <jetpack/error.hpp>
#include "loader/elf_note.hpp"
#include "loader/listing.hpp"
#include "loader/note.hpp"
#include "loader/refusal.hpp"
#include "services/offered.hpp"
#include "support/files.hpp"
#include "support/json.hpp"

namespace jetpack::bundles {

namespace {

constexpr std::string_view library_suffix = ".so", note_suffix = ".json";

// `end`: see read_listing().
PluginFile from_listing(std::string_view note, std::string_view end) {
  std::vector<char> copy;
  Listing listing = read_listing(note, end, copy);
  if (listing.schema != 1) throw Refusal("its note is not of schema 1");
  PluginFile file;
  file.id = std::move(listing.id);
  file.version = std::move(listing.version);
  file.needed.assign(listing.needed.begin(), listing.needed.end());
  if (listing.abi_count == 2) {
    file.abi_major = static_cast<uint16_t>(listing.abi[0]);
    file.abi_minor = static_cast<uint16_t>(listing.abi[1]);
  }
  for (const auto& command : listing.commands)
    file.commands.push_back({std::string(command.name), std::string(command.summary)});
  return file;
}

support::Fd open_library(const std::string& path) {
  support::Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd) throw Refusal("cannot be read: " + support::system_message(errno));
  return fd;
}

Note native_note(const std::string& path) {
  const support::Fd fd = open_library(path);
  return Note(read_note(FileReader(fd.get())));
}

PluginFile read_library(const std::string& path) {
  const support::Fd fd = open_library(path);
  const FileReader reader(fd.get());
  const NoteText note = read_note(reader, Machine::any);
  PluginFile file = from_listing(note.text, "details");
  file.platform = "linux-" + machine_of(reader);
  return file;
}

PluginFile read_note_file(const std::string& path) {
  const auto text = support::read_file(path, JP_NOTE_MAX);
  if (!text) throw Refusal("not found");
  PluginFile file = from_listing(*text, "");  // its members may stand in any order
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

bool is_plugin(const std::string& path) {
  if (path.ends_with(library_suffix)) return true;
  // Not each JSON file is a note.
  const auto text =
      path.ends_with(note_suffix) ? support::read_file(path, JP_NOTE_MAX) : std::nullopt;
  return text && text->find("\"program\"") != std::string::npos;
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
  const PluginFile file = read_plugin_file(path);
  if (file.abi_major != JP_ABI_MAJOR || file.abi_minor > JP_ABI_MINOR)
    throw Refusal("built for plugin ABI " + std::to_string(file.abi_major) + "." +
                  std::to_string(file.abi_minor) + ", this jetpack offers " +
                  std::to_string(JP_ABI_MAJOR) + "." + std::to_string(JP_ABI_MINOR));
  for (const auto& service : file.needed)
    if (!is_offered(service))
      throw Refusal("it needs the service " + service +
                    ", which this jetpack does not offer; update jetpack");
  if (!file.program.empty()) return;
  const Note note = native_note(path);
  for (const auto& entry : note.commands()) note.command(entry.name);
}

bool library_has_command(const std::string& path, std::string_view command) {
  try {
    return native_note(path).has_command(command);
  } catch (const Refusal&) {
    return false;
  }
}

}  // namespace jetpack::bundles
