// Plugins that are executables in any language: NAME.json, a note, beside the program that it names.
#include "loader/program.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include <jetpack/error.hpp>
#include "loader/refusal.hpp"
#include "support/files.hpp"
#include "support/script_interpreter.hpp"
#include "support/trust.hpp"

namespace jetpack {

namespace {

// The content of the file; not of a FIFO or device, which could hang a listing.
NoteText read_text(const std::string& path) {
  const support::Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  struct stat info {};
  if (!fd || ::fstat(fd.get(), &info) != 0)
    throw Refusal("cannot be read: " + support::system_message(errno));
  if (!S_ISREG(info.st_mode)) throw Refusal("not a regular file");
  try {
    const auto text = support::read_bounded(fd.get(), JP_NOTE_MAX, path);
    if (!text)
      throw Refusal("longer than a note may be, " + std::to_string(JP_NOTE_MAX) + " bytes");
    NoteText note{std::make_unique<char[]>(text->size()), {}};
    std::copy(text->begin(), text->end(), note.bytes.get());
    note.text = {note.bytes.get(), text->size()};
    return note;
  } catch (const Error& e) {
    throw Refusal(e.what());
  }
}

// The file that "program" names, which must stand beside the note.
std::string program_beside(const std::string& path, const std::string& name) {
  if (name.empty()) throw Refusal("its note is faulty: 'program' is not the name of a file");
  if (name.find('/') != std::string::npos || name[0] == '.')
    throw Refusal("its note is faulty: the program '" + name +
                  "' is not a name in the note's directory");
  std::string program = path.substr(0, path.rfind('/') + 1) + name;
  struct stat info {};
  if (::stat(program.c_str(), &info) != 0)
    throw Refusal("its program " + program + ": " + support::system_message(errno));
  if (!S_ISREG(info.st_mode)) throw Refusal("its program " + program + " is not a regular file");
  return program;
}

}  // namespace

std::optional<Plugin> inspect_program(const std::string& path, Origin origin) {
  Plugin plugin;
  plugin.origin = origin;
  plugin.path = path;
  try {
    NoteText text = read_text(path);
    if (text.text.find("\"program\"") == std::string_view::npos) return std::nullopt;
    plugin.note.emplace(std::move(text), Note::Kind::program);
    plugin.program = program_beside(path, std::string(plugin.note->program()));
    check_requirements(*plugin.note);
  } catch (const Refusal& refusal) {
    plugin.refusal = refusal.what();
  }
  return plugin;
}

std::string trusted_program(const Plugin& plugin) {
  std::string program;
  try {
    // The note decides what is handed over, and what help says of the program.
    program = support::trusted_path(plugin.program, support::trusted_path(plugin.path));
  } catch (const Error& e) {
    throw Refusal(e.what());
  }
  check_executable(program);
  return program;
}

void check_executable(const std::string& program) {
  if (::access(program.c_str(), X_OK) != 0)
    throw Refusal(program + " is not executable (chmod +x it)");
}

std::string why_not_executed(const std::string& program, int error) {
  std::string line;
  try {
    line = support::first_line_of(program);
    if (line.ends_with('\r')) return program + " has CRLF line ends (dos2unix it)";
    if (line.starts_with("#!")) support::interpreter_in(line);
  } catch (const Error& e) {
    return program + ' ' + e.what();
  }
  if (error == ENOEXEC)
    return program + " is neither a program for this machine nor begins with #! and an interpreter";
  return program + " cannot be executed: " + support::system_message(error);
}

}  // namespace jetpack
