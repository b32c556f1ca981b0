// Which plugin has which command, kept in a file so that not every run reads the notes of all plugins.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace jetpack {

// What was read of the plugins of one search path. It says where to look, and what a listing shows;
// a plugin's note is read again before it runs.
class CommandIndex {
 public:
  struct Plugin {
    char origin = 0;           // as the caller wrote it
    uint32_t bundle_size = 0;  // of the part of `path` that is the bundle's directory
    std::string_view path;
  };
  // In the order of their names, each once.
  struct Command {
    std::string_view name;
    std::string_view summary;
    size_t plugin = 0;
  };

  // The index in `file`, unless others than root and the caller could have written it, it is for
  // another search path, or something that it was made from has changed since.
  static std::optional<CommandIndex> read(const std::string& file, std::string_view search_path);

  const std::vector<Plugin>& plugins() const { return plugins_; }
  const std::vector<Command>& commands() const { return commands_; }
  // nullptr when there is no such command.
  const Command* find(std::string_view name) const;

 private:
  bool parse(std::string_view search_path);
  bool parse_line(std::string_view line);

  std::vector<char> text_;  // its bytes stay where they are when the index is moved
  std::vector<Plugin> plugins_;
  std::vector<Command> commands_;
};

// Makes an index while the plugins are read.
class CommandIndexWriter {
 public:
  explicit CommandIndexWriter(std::string_view search_path);

  // Before a file or directory is read: a change of it makes the index stale.
  void watch(const std::string& path);
  // Returns its number. Where a text cannot be kept, the index is not saved.
  size_t add_plugin(const CommandIndex::Plugin& plugin);
  // In the order of their names.
  void add_command(const CommandIndex::Command& command);

  // Writes the index where the caller owns the directory and nobody else could write it, and nothing
  // was changed so recently that a further change could have the same time.
  void save(const std::string& file) const;

 private:
  void add_line(char kind, std::string_view text);

  std::string text_;
  size_t plugins_ = 0;
  int64_t newest_ = 0;  // change of what is watched, in ns since 1970
  bool is_whole_ = true;
};

}  // namespace jetpack
