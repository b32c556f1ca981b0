// Makes a bundle's manifest from the notes of its plugins.
#include "bundles/pack.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <set>

#include <jetpack/error.hpp>
#include "bundles/directory_content.hpp"
#include "bundles/unpack.hpp"
#include "loader/policy.hpp"
#include "loader/refusal.hpp"
#include "support/encoding.hpp"
#include "support/file_errors.hpp"
#include "support/files.hpp"
#include "support/sha256.hpp"

namespace jetpack::bundles {

namespace {

[[noreturn]] void fail(const std::string& what) { throw Error(Errc::failed, what); }

bool is_directory(const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) support::fail_on_file("read", path, errno);
  return S_ISDIR(info.st_mode);
}

bool has_directory(const std::string& directory, const std::string& name) {
  struct stat info {};
  return ::stat(path_below(directory, name).c_str(), &info) == 0 && S_ISDIR(info.st_mode);
}

std::string name_of(const std::string& path) { return path.substr(path.rfind('/') + 1); }

// The files of a directory that has the form of a bundle, or of what goes to share/.
void add_directory(const std::string& directory, std::vector<Part>& parts) {
  const DirectoryContent content(directory);
  for (const auto& entry : content.entries())
    if (entry.path != manifest_name && entry.path != signature_name)
      parts.push_back({entry.path, path_below(directory, entry.path), entry.is_executable});
}

void add_share(const std::string& directory, const std::string& below, std::vector<Part>& parts) {
  const support::Directory opened(::opendir(directory.c_str()));
  if (!opened) support::fail_on_file("read", directory, errno);
  while (const dirent* entry = ::readdir(opened.get())) {
    const std::string name = entry->d_name;
    if (name == "." || name == "..") continue;
    const std::string file = path_below(directory, name), path = path_below(below, name);
    struct stat info {};
    if (::lstat(file.c_str(), &info) != 0) support::fail_on_file("read", file, errno);
    check_path(path);
    if (S_ISDIR(info.st_mode)) {
      add_share(file, path, parts);
      continue;
    }
    check_mode(path, info.st_mode);
    parts.push_back({path, file, (info.st_mode & S_IXUSR) != 0});
  }
}

// Libraries and notes, in lib/ or, when there are several platforms, in a directory for each.
void add_plugins(const std::vector<std::string>& files, std::vector<Part>& parts) {
  std::set<std::string> platforms;
  std::vector<PluginFile> plugins;
  for (const auto& file : files) {
    plugins.push_back(read_plugin_file(file));
    if (!plugins.back().platform.empty()) platforms.insert(plugins.back().platform);
  }
  for (size_t i = 0; i < files.size(); ++i) {
    const bool is_apart = platforms.size() > 1 && !plugins[i].platform.empty();
    const std::string start = is_apart ? path_below("lib", plugins[i].platform) + '/' : "lib/";
    parts.push_back({start + name_of(files[i]), files[i], false});
    if (!plugins[i].program.empty())
      parts.push_back({start + plugins[i].program,
                       path_below(support::parent_directory(files[i]), plugins[i].program), true});
  }
}

// The plugins that stand in a directory itself, as a build or a project in Bash has them, sorted.
std::vector<std::string> plugins_in(const std::string& directory) {
  const support::Directory opened(::opendir(directory.c_str()));
  if (!opened) support::fail_on_file("read", directory, errno);
  std::vector<std::string> files;
  while (const dirent* entry = ::readdir(opened.get())) {
    std::string file = path_below(directory, entry->d_name);
    if (entry->d_name[0] != '.' && is_plugin(file)) files.push_back(std::move(file));
  }
  if (files.empty()) fail("no plugin found in " + directory);
  std::sort(files.begin(), files.end());
  return files;
}

void add_source_directory(const std::string& directory, std::vector<Part>& parts) {
  if (has_directory(directory, "lib")) return add_directory(directory, parts);
  add_plugins(plugins_in(directory), parts);
  if (has_directory(directory, "share")) add_share(path_below(directory, "share"), "share", parts);
}

// Where a plugin may be in lib/: there, or in the directory of a platform. Deeper are its helpers.
bool is_plugin_path(const std::string& path) {
  if (!path.starts_with("lib/") || !is_plugin_file(path)) return false;
  const size_t slash = path.find('/', 4);
  return slash == std::string::npos ||
         (path.starts_with("lib/linux-") && path.find('/', slash + 1) == std::string::npos);
}

// "linux-x86_64" of lib/linux-x86_64/x.so; empty for lib/x.so.
std::string platform_of_path(const std::string& path) {
  const size_t slash = path.find('/', 4);
  return slash == std::string::npos ? "" : path.substr(4, slash - 4);
}

// Takes over what the note of one plugin says.
void add_plugin(const Part& part, const PluginFile& plugin, BundleManifest& manifest) {
  const std::string place = platform_of_path(part.path);
  if (!place.empty() && !plugin.platform.empty() && place != plugin.platform)
    fail(part.file + " is for " + plugin.platform + ", its directory for " + place);
  if (plugin.abi_major != JP_ABI_MAJOR)
    fail(part.file + " is built for plugin ABI " + std::to_string(plugin.abi_major) +
         ", this jetpack packs for " + std::to_string(JP_ABI_MAJOR));
  manifest.abi_major = plugin.abi_major;
  manifest.abi_minor = std::max(manifest.abi_minor, plugin.abi_minor);
  manifest.libraries.push_back(part.path);
  for (const auto& command : plugin.commands)
    manifest.commands.push_back({command.name, command.summary, part.path});
  const auto add_once = [](std::vector<std::string>& list, const std::string& text) {
    if (std::find(list.begin(), list.end(), text) == list.end()) list.push_back(text);
  };
  for (const auto& service : plugin.needed) add_once(manifest.needed, service);
  if (!plugin.platform.empty()) add_once(manifest.platforms, plugin.platform);
}

// The identity of the bundle: what all notes say, or what was asked for.
void choose_identity(const PackRequest& request, const std::vector<PluginFile>& plugins,
                     BundleManifest& manifest) {
  manifest.id = request.id;
  manifest.version = request.version;
  for (const auto& plugin : plugins) {
    if (manifest.id.empty()) manifest.id = plugin.id;
    const bool is_own = plugin.id == manifest.id;
    if (!is_own && !plugin.id.starts_with(manifest.id + '.'))
      fail("the bundle has plugins " + manifest.id + " and " + plugin.id +
           "; name it with --id, such that the ids of all of them begin with it");
    if (is_own && manifest.version.empty()) manifest.version = plugin.version;
    if (is_own && plugin.version != manifest.version)
      fail(manifest.id + " has the versions " + manifest.version + " and " + plugin.version +
           "; build all of its plugins with one");
  }
  for (const auto& plugin : plugins) {
    if (manifest.version.empty()) manifest.version = plugin.version;
    if (request.version.empty() && plugin.version != manifest.version)
      fail("the plugins have the versions " + manifest.version + " and " + plugin.version +
           "; specify the bundle's with --version");
  }
  check_id(manifest.id);
  check_version(manifest.version);
}

BundleFile describe(const Part& part) {
  const support::Fd file = support::open_file(part.file);
  if (!file) fail("cannot read " + part.file + ": not found");
  const FileReader reader(file.get());
  support::Sha256 digest;
  std::string piece(64 << 10, '\0');
  BundleFile described;
  while (const size_t got = reader.read(described.size, piece)) {
    digest.update(std::string_view(piece).substr(0, got));
    described.size += got;
  }
  described.sha256 = support::hex(digest.finish());
  return described;
}

}  // namespace

Packing prepare(const PackRequest& request) {
  Packing packing;
  auto& [manifest, parts] = packing;
  if (request.sources.size() == 1 && is_directory(request.sources[0])) {
    add_source_directory(request.sources[0], parts);
  } else {
    add_plugins(request.sources, parts);
  }
  if (!request.share.empty()) add_share(request.share, "share", parts);
  std::sort(parts.begin(), parts.end(),
            [](const Part& a, const Part& b) { return a.path < b.path; });
  std::vector<PluginFile> plugins;
  std::vector<Entry> entries;
  for (const auto& part : parts) {
    check_path(part.path);
    const BundleFile file = describe(part);
    entries.push_back({part.path, file.size, part.is_executable});
    manifest.files.emplace(part.path, file);
    if (!is_plugin_path(part.path)) continue;
    plugins.push_back(read_plugin_file(part.file));
    add_plugin(part, plugins.back(), manifest);
  }
  check_entries(entries);
  if (plugins.empty()) fail("there is no plugin in lib/");
  for (const auto& capability : request.capabilities)
    if (!is_capability(capability)) fail("'" + capability + "' is not the name of a capability");
  manifest.capabilities = request.capabilities;
  manifest.limits = request.limits;
  std::sort(manifest.platforms.begin(), manifest.platforms.end());
  choose_identity(request, plugins, manifest);
  BundleManifest::parse(manifest.text());
  return packing;
}

}  // namespace jetpack::bundles
