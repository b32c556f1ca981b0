// Finds plugins and reads their notes, in the order of precedence, without loading one.
#include "loader/registry.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <memory>
#include <set>

#include "loader/elf_note.hpp"
#include "loader/manifest.hpp"
#include "loader/program.hpp"
#include "loader/refusal.hpp"
#include "services/offered.hpp"
#include "support/files.hpp"

namespace jetpack {

namespace {

// An Origin in the command index: 'a' is the first.
constexpr char first_origin = 'a';

Origin origin_of(const CommandIndex::Plugin& plugin) {
  return static_cast<Origin>(plugin.origin - first_origin);
}

// The first that has the command and can be used, else the first that has it.
const Plugin* provider_among(const std::deque<Plugin>& plugins, std::string_view command) {
  const std::string start = '/' + std::string(command);
  const Plugin* refused = nullptr;
  for (const auto& plugin : plugins) {
    // Of a file without a readable note only the name tells what it was to provide.
    const bool provides = plugin.note ? plugin.note->has_command(command)
                                      : plugin.path.ends_with(start + ".so") ||
                                            plugin.path.ends_with(start + ".json");
    if (!provides) continue;
    if (plugin.refusal.empty()) return &plugin;
    if (refused == nullptr) refused = &plugin;
  }
  return refused;
}

}  // namespace

void check_requirements(const Note& note) {
  if (note.abi_major() != JP_ABI_MAJOR || note.abi_minor() > JP_ABI_MINOR)
    throw Refusal("built for plugin ABI " + std::to_string(note.abi_major()) + "." +
                  std::to_string(note.abi_minor()) + ", this jetpack offers " +
                  std::to_string(JP_ABI_MAJOR) + "." + std::to_string(JP_ABI_MINOR) +
                  (note.abi_major() < JP_ABI_MAJOR ? "; get a newer build of the plugin"
                                                   : "; update jetpack"));
  for (const auto& service : note.needed_services())
    if (!is_offered(service))
      throw Refusal("it needs the service " + std::string(service) +
                    ", which this jetpack does not offer; update jetpack");
}

std::vector<std::string> command_names(const std::vector<std::string>& words) {
  std::vector<std::string> names;
  for (const auto& word : words) {
    if (names.size() == max_command_words || (!names.empty() && word.starts_with('-'))) break;
    names.push_back(names.empty() ? word : names.back() + ' ' + word);
  }
  return names;
}

Plugin inspect(const std::string& path, Origin origin) {
  Plugin plugin;
  plugin.origin = origin;
  plugin.path = path;
  if (path.ends_with(".json")) {
    if (auto found = inspect_program(path, origin)) return *std::move(found);
    plugin.refusal = "its note names no program";
    return plugin;
  }
  try {
    // O_NONBLOCK: a FIFO with a library's name must not hang a listing.
    const support::Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (!fd) throw Refusal("cannot be read: " + support::system_message(errno));
    plugin.note.emplace(read_note(FileReader(fd.get())));
    check_requirements(*plugin.note);
  } catch (const Refusal& refusal) {
    plugin.refusal = refusal.what();
  }
  return plugin;
}

Registry::Registry(SearchPath path, std::string_view host_note) : path_(std::move(path)) {
  Plugin host;
  host.origin = Origin::host;
  host.note.emplace(NoteText{nullptr, host_note});
  plugins_.push_back(std::move(host));
}

// A built-in named after a command's first word comes before all else: no need to look further.
const Plugin* Registry::builtin_named(const std::string& word) {
  std::string path = path_.builtin_dir + '/' + word + ".so";
  struct stat info {};
  if (word.find('/') != std::string::npos) return nullptr;
  if (::stat(path.c_str(), &info) != 0) {
    path.replace(path.size() - 2, 2, "json");
    if (::stat(path.c_str(), &info) != 0) return nullptr;
  }
  const Plugin& plugin = quick_.emplace_back(inspect(path, Origin::builtin));
  return plugin.refusal.empty() ? &plugin : nullptr;
}

Registry::Found Registry::find(const std::vector<std::string>& words) {
  const auto names = command_names(words);
  const auto longest_of = [&](const Plugin& plugin) {
    for (size_t i = names.size(); i-- > 0;)
      if (plugin.note->has_command(names[i])) return Found{&plugin, names[i], i + 1};
    return Found{};
  };
  if (Found own = longest_of(plugins_.front()); own.plugin != nullptr) return own;
  if (const Plugin* named = names.empty() ? nullptr : builtin_named(names[0]))
    if (Found builtin = longest_of(*named); builtin.plugin != nullptr) return builtin;
  if (const CommandIndex* known = index())
    for (size_t i = names.size(); i-- > 0;)
      if (const Plugin* plugin = known_provider(*known, names[i])) return {plugin, names[i], i + 1};
  for (size_t i = names.size(); i-- > 0;)
    if (const Plugin* plugin = provider_among(all(), names[i])) return {plugin, names[i], i + 1};
  return {};
}

// By the index, and by what --plugin-path adds to it, which comes before configured directories.
const Plugin* Registry::known_provider(const CommandIndex& index, const std::string& name) {
  const auto* command = index.find(name);
  const bool comes_first =
      command != nullptr && origin_of(index.plugins()[command->plugin]) != Origin::directory;
  const Plugin* added = comes_first ? nullptr : provider_among(named(), name);
  if (added != nullptr && added->refusal.empty()) return added;
  const Plugin* known = command == nullptr ? nullptr : indexed(index, *command);
  return known == nullptr ? added : known;
}

const std::deque<Plugin>& Registry::named() {
  if (!named_were_read_) scan_named(named_);
  named_were_read_ = true;
  return named_;
}

std::string Registry::search_path() const {
  std::string list = path_.builtin_dir;
  for (const auto& directory : path_.bundle_dirs) list.append(1, ':').append(directory);
  for (size_t i = path_.named; i < path_.directories.size(); ++i)
    list.append(1, ':').append(path_.directories[i]);
  return list;
}

const CommandIndex* Registry::index() {
  if (!index_was_read_ && !scanned_ && !path_.index.empty())
    index_ = CommandIndex::read(path_.index, search_path());
  index_was_read_ = true;
  return index_ ? &*index_ : nullptr;
}

const CommandIndex* Registry::whole_index() { return path_.named == 0 ? index() : nullptr; }

// The plugin that has the command by the index; nullptr when it has it no longer.
const Plugin* Registry::indexed(const CommandIndex& index, const CommandIndex::Command& command) {
  const CommandIndex::Plugin& known = index.plugins()[command.plugin];
  // A bundle's manifest has not changed since, and is read again when the plugin is judged.
  Plugin& plugin = quick_.emplace_back(inspect(std::string(known.path), origin_of(known)));
  plugin.bundle_size = known.bundle_size;
  return plugin.refusal.empty() && plugin.note->has_command(command.name) ? &plugin : nullptr;
}

bool Registry::has_group(std::string_view name) {
  if (const CommandIndex* known = whole_index()) {
    const auto& list = known->commands();
    return std::any_of(list.begin(), list.end(), [&](const CommandIndex::Command& command) {
      return command.name.size() > name.size() && command.name.starts_with(name) &&
             command.name[name.size()] == ' ';
    });
  }
  const auto& plugins = all();
  return std::any_of(plugins.begin(), plugins.end(), [&](const Plugin& plugin) {
    return plugin.note && plugin.refusal.empty() && plugin.note->has_group(name);
  });
}

const std::deque<Plugin>& Registry::all() {
  if (!scanned_) scan();
  return plugins_;
}

const std::string& Registry::builtins_unread() {
  all();
  return builtins_unread_;
}

std::vector<Registry::Listed> Registry::commands() {
  std::vector<Listed> list;
  if (const CommandIndex* known = whole_index()) {
    list.reserve(known->commands().size());
    for (const auto& command : known->commands()) list.push_back({command.name, command.summary});
    return list;
  }
  for (const auto& [listed, plugin] : providers()) list.push_back(listed);
  return list;
}

// What can be run, sorted by name, each once, with the plugin that has it.
std::vector<std::pair<Registry::Listed, const Plugin*>> Registry::providers() {
  std::vector<std::pair<Listed, const Plugin*>> list;
  constexpr size_t usual = 128;
  list.reserve(usual);
  for (const auto& plugin : all()) {
    if (!plugin.refusal.empty()) continue;
    for (const auto& entry : plugin.note->commands())
      list.push_back({{entry.name, entry.summary}, &plugin});
  }
  std::stable_sort(list.begin(), list.end(),
                   [](const auto& a, const auto& b) { return a.first.name < b.first.name; });
  const auto end = std::unique(list.begin(), list.end(), [](const auto& a, const auto& b) {
    return a.first.name == b.first.name;
  });
  list.erase(end, list.end());
  return list;
}

const Plugin* Registry::shadowed_by(const Plugin& plugin, std::string_view command) {
  for (const auto& other : all()) {
    if (&other == &plugin) return nullptr;
    if (other.refusal.empty() && other.note->has_command(command)) return &other;
  }
  return nullptr;
}

void Registry::scan() {
  // What --plugin-path adds is in no index.
  if (!path_.index.empty() && path_.named == 0 && index() == nullptr)
    new_index_.emplace(search_path());
  scanned_ = true;
  scan_directory(path_.builtin_dir, Origin::builtin, plugins_);
  scan_bundles();
  scan_named(plugins_);
  for (size_t i = path_.named; i < path_.directories.size(); ++i)
    scan_directory(path_.directories[i], Origin::directory, plugins_);
  if (new_index_) keep_index();
  new_index_.reset();
}

void Registry::scan_named(std::deque<Plugin>& to) {
  const size_t first = to.size();
  for (size_t i = 0; i < path_.named; ++i)
    scan_directory(path_.directories[i], Origin::directory, to);
  for (size_t of = first; of < to.size(); ++of) to[of].is_named = true;
}

// None is kept while a plugin is refused: the reason has to be found, and reported, each time.
void Registry::keep_index() {
  std::map<const Plugin*, size_t> numbers;
  for (const auto& plugin : plugins_) {
    if (!plugin.refusal.empty()) return;
    numbers[&plugin] =
        new_index_->add_plugin({static_cast<char>(first_origin + static_cast<char>(plugin.origin)),
                                plugin.bundle_size, plugin.path});
  }
  for (const auto& [listed, plugin] : providers())
    new_index_->add_command({listed.name, listed.summary, numbers.at(plugin)});
  new_index_->save(path_.index);
}

void Registry::will_read(const std::string& path) {
  if (new_index_) new_index_->watch(path);
}

// Names in a directory, sorted; none when it does not exist. One that cannot be read, or is that of
// the built-ins, is listed as a refused plugin, since it may hold some.
std::vector<std::string> Registry::names_in(const std::string& directory, Origin origin,
                                            std::deque<Plugin>& to) {
  will_read(directory);
  const support::Directory opened(::opendir(directory.c_str()));
  std::vector<std::string> names;
  if (!opened) {
    const int error = errno;
    const std::string why = "cannot read the directory: " + support::system_message(error);
    if (origin == Origin::builtin) builtins_unread_ = directory + ": " + why;
    if (origin == Origin::builtin || (error != ENOENT && error != ENOTDIR))
      add_refused(directory, origin, why, to);
    return names;
  }
  while (const dirent* entry = ::readdir(opened.get()))
    if (entry->d_name[0] != '.') names.emplace_back(entry->d_name);
  std::sort(names.begin(), names.end());
  return names;
}

void Registry::add_refused(const std::string& path, Origin origin, const std::string& why,
                           std::deque<Plugin>& to) {
  Plugin plugin;
  plugin.origin = origin;
  plugin.path = path;
  plugin.refusal = why;
  to.push_back(std::move(plugin));
}

void Registry::scan_directory(const std::string& directory, Origin origin, std::deque<Plugin>& to) {
  const std::string start = directory + '/';
  for (const auto& name : names_in(directory, origin, to)) {
    if (name.ends_with(".so") || name.ends_with(".json")) will_read(start + name);
    if (name.ends_with(".so")) {
      to.push_back(inspect(start + name, origin));
    } else if (name.ends_with(".json")) {
      if (auto program = inspect_program(start + name, origin)) to.push_back(*std::move(program));
    }
  }
}

void Registry::scan_bundles() {
  std::set<std::string> seen;
  for (const auto& directory : path_.bundle_dirs) {
    const std::string start = directory + '/';
    for (const auto& id : names_in(directory, Origin::bundle, plugins_))
      if (seen.insert(id).second) add_bundle(start + id);
  }
}

void Registry::add_bundle(const std::string& directory) {
  try {
    read_bundle(directory);
  } catch (const Refusal& refusal) {
    add_refused(directory, Origin::bundle, refusal.what(), plugins_);
  }
}

void Registry::read_bundle(const std::string& directory) {
  const std::string start = directory + '/';
  will_read(start + "plugin.json");
  const Manifest manifest = Manifest::read(directory);
  for (const auto& library : manifest.libraries()) {
    will_read(start + library);
    Plugin plugin = inspect(start + library, Origin::bundle);
    if (plugin.refusal.empty()) plugin.refusal = manifest.disagreement(*plugin.note);
    plugin.bundle_size = static_cast<uint32_t>(directory.size());
    plugins_.push_back(std::move(plugin));
  }
}

}  // namespace jetpack
