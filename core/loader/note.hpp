// A plugin's note as data: its identity, what it needs, and its commands with their parameters.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <jetpack/abi.h>
#include "loader/elf_note.hpp"
#include "loader/listing.hpp"

namespace jetpack {

// How many words the name of a command has at most: "hub node add".
inline constexpr size_t max_command_words = 3;

struct ParameterNote {
  std::string name;
  char letter = 0;
  bool is_argument = false;
  jp_type type = JP_TEXT;
  bool required = false;
  bool repeated = false;
  bool negatable = false;
  std::optional<std::string> fallback;
  std::vector<std::string> choices;
  std::optional<int64_t> min, max;
  std::string metavar;
  std::string values_from;  // the command whose output a shell offers; "": none
  std::string from_config;  // the configuration's key that has the default; "": none
  std::string help;
};

struct ExampleNote {
  std::string line;
  std::string help;
};

struct CommandNote {
  std::string name;
  std::string summary;
  std::string description;
  std::vector<ParameterNote> options;
  std::vector<ParameterNote> arguments;
  std::vector<ExampleNote> examples;
};

// A note. What a listing needs is read at once, a command's parameters when asked for.
class Note {
 public:
  // Valid as long as the note, even when it is moved.
  using Entry = Listing::Command;

  // Where the note was: one beside a program needs no ABI, for no code of it is loaded.
  enum class Kind { library, program };

  // Throws Refusal when the text is not a note of a schema that we know.
  explicit Note(NoteText text, Kind kind = Kind::library);
  Note(Note&&) noexcept = default;
  Note& operator=(Note&&) noexcept = default;

  const std::string& id() const { return id_; }
  const std::string& version() const { return version_; }
  uint16_t abi_major() const { return abi_major_; }
  uint16_t abi_minor() const { return abi_minor_; }
  const std::vector<std::string_view>& needed_services() const { return needed_; }
  // Of a note beside a program: what "program" says.
  std::string_view program() const { return program_; }

  // In the order of the note.
  const std::vector<Entry>& commands() const { return entries_; }

  // Whether it declares `name`, or a command of more words that begins with `name`.
  bool has_command(std::string_view name) const;
  bool has_group(std::string_view name) const;

  // Throws Refusal when the declaration is faulty. The name must be one of commands().
  CommandNote command(std::string_view name) const;

  // Whether it declares something besides commands: checks, timers, hooks or settings. What, says
  // read_offers().
  bool has_offers() const;

  // The whole note, as it was written; only its listing has been checked.
  std::string_view text() const { return text_.text; }

 private:
  NoteText text_;
  std::vector<char> listing_;  // what entries point into that do not point into the text
  std::string id_;
  std::string version_;
  std::string_view program_;
  uint16_t abi_major_ = 0, abi_minor_ = 0;
  std::vector<std::string_view> needed_;
  std::vector<Entry> entries_;
};

}  // namespace jetpack
