// Finds plugins and reads their notes, in the order of precedence, without loading one.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "loader/command_index.hpp"
#include "loader/note.hpp"

namespace jetpack {

enum class Origin { host, builtin, bundle, directory };

// A plugin that was found. Refused ones stay in the list, with the reason.
struct Plugin {
  Origin origin = Origin::builtin;
  bool is_named = false;     // the command line names its directory
  uint32_t bundle_size = 0;  // of the part of `path` that is the bundle's directory; 0: no bundle
  std::string path;          // the shared library or JSON note; of the host's own commands: empty
  std::string program;       // the executable that a JSON note names; of a library: empty
  std::optional<Note> note;
  std::string refusal;  // why it cannot be used; empty when it can

  // The directory of its bundle, as it is found in plugins/active.
  std::string bundle() const { return path.substr(0, bundle_size); }
};

// Where plugins are looked for.
struct SearchPath {
  std::string builtin_dir;
  // Directories that hold a link to each active bundle. Of two with one name the first counts.
  std::vector<std::string> bundle_dirs;
  std::vector<std::string> directories;  // given by --plugin-path, then configured
  size_t named = 0;                      // how many are given by --plugin-path
  std::string index;                     // the file of the command index; "": none is used
  std::vector<std::string> ignored;      // what was given and is not used, with the reason
};

class Registry {
 public:
  // `host_note` describes the host's own commands.
  Registry(SearchPath path, std::string_view host_note);

  // A command and the plugin that provides it.
  struct Found {
    const Plugin* plugin = nullptr;  // none: there is no such command
    std::string name;
    size_t words = 0;  // of the name
  };

  // The command that a command line begins with: the longest name that the host has, else the
  // longest that the built-in named after the first word has, else the longest of all plugins. So
  // nobody can take words away from a built-in command. Where several plugins provide one name, the
  // host comes first, then built-ins, bundles and directories, each in the order of their file
  // names. When only a refused plugin provides it, that one, so that the caller can say why.
  Found find(const std::vector<std::string>& words);

  // Whether there are commands of more words that begin with `name`.
  bool has_group(std::string_view name);

  // All plugins, in order of precedence.
  const std::deque<Plugin>& all();

  // What SearchPath names as ignored.
  const std::vector<std::string>& ignored() const { return path_.ignored; }

  // Why the directory of the built-ins cannot be read: then nobody knows which commands there are.
  const std::string& builtins_unread();

  // A command as a listing shows it.
  struct Listed {
    std::string_view name;
    std::string_view summary;
  };
  // The commands that can be run, sorted by name, each once.
  std::vector<Listed> commands();

  // The plugin that hides `plugin`'s command from callers; nullptr when it is not hidden.
  const Plugin* shadowed_by(const Plugin& plugin, std::string_view command);

 private:
  const Plugin* builtin_named(const std::string& word);
  const Plugin* known_provider(const CommandIndex& index, const std::string& name);
  // What --plugin-path adds.
  const std::deque<Plugin>& named();
  const CommandIndex* index();
  // Where it has all that a listing shows.
  const CommandIndex* whole_index();
  const Plugin* indexed(const CommandIndex& index, const CommandIndex::Command& command);
  std::string search_path() const;
  std::vector<std::pair<Listed, const Plugin*>> providers();
  void scan();
  void scan_named(std::deque<Plugin>& to);
  void keep_index();
  void will_read(const std::string& path);
  std::vector<std::string> names_in(const std::string& directory, Origin origin,
                                    std::deque<Plugin>& to);
  static void add_refused(const std::string& path, Origin origin, const std::string& why,
                          std::deque<Plugin>& to);
  void scan_directory(const std::string& directory, Origin origin, std::deque<Plugin>& to);
  void scan_bundles();
  void add_bundle(const std::string& directory);
  void read_bundle(const std::string& directory);

  SearchPath path_;
  std::deque<Plugin> plugins_;  // the host's own first; what points to one stays valid
  std::deque<Plugin> quick_;    // found by the name of the file, or in the index
  std::deque<Plugin> named_;    // those of --plugin-path, when the index says what there is besides
  bool named_were_read_ = false;
  std::string builtins_unread_;
  bool scanned_ = false;
  bool index_was_read_ = false;
  std::optional<CommandIndex> index_;
  std::optional<CommandIndexWriter> new_index_;  // while the plugins are read
};

// The names of commands that a command line can begin with: of its first word, of two, of three.
std::vector<std::string> command_names(const std::vector<std::string>& words);

// Throws Refusal when this host does not offer what the note asks for.
void check_requirements(const Note& note);

// Reads the note of a library, or the JSON note of a program, and checks that this host can run it. Never throws for a bad file.
Plugin inspect(const std::string& path, Origin origin);

}  // namespace jetpack
