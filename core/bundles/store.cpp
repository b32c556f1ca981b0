// The bundles of a home tree, and the links that choose one of their versions.
#include "bundles/store.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstdio>
#include <filesystem>

#include <jetpack/error.hpp>
#include "bundles/bundle_manifest.hpp"
#include "support/file_errors.hpp"
#include "support/files.hpp"
#include "support/trust.hpp"

namespace jetpack::bundles {

namespace {

constexpr unsigned directory_mode = 0755;
constexpr std::string_view temporary = ".tmp-";

std::vector<std::string> names_in(const std::string& directory) {
  std::vector<std::string> names;
  const support::Directory opened(::opendir(directory.c_str()));
  if (!opened && errno != ENOENT) support::fail_on_file("read", directory, errno);
  while (const dirent* entry = opened ? ::readdir(opened.get()) : nullptr) {
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

void remove_tree(const std::string& path) {
  std::error_code error;
  std::filesystem::remove_all(path, error);
  if (error) support::fail_on_file("remove", path, error.value());
}

void rename_path(const std::string& from, const std::string& to) {
  if (::rename(from.c_str(), to.c_str()) != 0)
    support::fail_on_file("rename " + from + " to", to, errno);
}

// False when the file system or kernel cannot.
bool exchange(const std::string& a, const std::string& b) {
  constexpr unsigned rename_exchange = 2;
  return ::syscall(SYS_renameat2, AT_FDCWD, a.c_str(), AT_FDCWD, b.c_str(), rename_exchange) == 0;
}

bool exists(const std::string& path) {
  struct stat info {};
  return ::lstat(path.c_str(), &info) == 0;
}

support::FileLock locked(const std::string& root) {
  for (const char* name : {"", "/store", "/active", "/previous", "/state"})
    support::create_directories(root + name, directory_mode);
  constexpr std::chrono::seconds patience{60};  // a large bundle may be being unpacked
  constexpr unsigned lock_mode = 0600;
  const std::string path = root + "/.lock";
  auto lock = support::FileLock::wait(path, lock_mode, patience);
  // With every directory above it.
  support::trusted_path(path);
  return lock;
}

}  // namespace

void sync_path(const std::string& path) {
  const support::Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!fd || ::fsync(fd.get()) != 0) support::fail_on_file("write", path, errno);
}

std::vector<std::string> Store::ids() const {
  std::vector<std::string> ids;
  for (auto& name : names_in(root_ + "/active"))
    if (is_id(name)) ids.push_back(std::move(name));
  return ids;
}

std::optional<std::string> Store::version_in(const std::string& links,
                                             const std::string& id) const {
  if (!is_id(id)) return std::nullopt;
  std::array<char, PATH_MAX> target{};
  const ssize_t size =
      ::readlink((root_ + '/' + links + '/' + id).c_str(), target.data(), target.size());
  if (size < 0) return std::nullopt;
  const std::string_view text(target.data(), static_cast<size_t>(size));
  const std::string start = "../store/" + id + '/';
  if (!text.starts_with(start) || !is_version(text.substr(start.size()))) return std::nullopt;
  return std::string(text.substr(start.size()));
}

std::optional<std::string> Store::active(const std::string& id) const {
  return version_in("active", id);
}
std::optional<std::string> Store::previous(const std::string& id) const {
  return version_in("previous", id);
}

std::vector<std::string> Store::versions(const std::string& id) const {
  std::vector<std::string> versions;
  if (!is_id(id)) return versions;
  for (auto& name : names_in(root_ + "/store/" + id))
    if (is_version(name)) versions.push_back(std::move(name));
  std::sort(versions.begin(), versions.end(),
            [](const std::string& a, const std::string& b) { return compare_versions(a, b) < 0; });
  return versions;
}

Store::Change::Change(const Store& store) : store_(store), lock_(locked(store.root())) {
  lock_.note("pid " + std::to_string(::getpid()) + " (jetpack plugin)");
  for (const char* name : {"/store", "/active", "/previous", "/state"}) sweep(store.root() + name);
}

void Store::Change::sweep(const std::string& directory) const {
  for (const auto& name : names_in(directory))
    if (name.starts_with(temporary)) remove_tree(path_below(directory, name));
}

std::string Store::Change::staging() {
  std::string path = store_.root() + "/store/" + std::string(temporary) + "XXXXXX";
  if (::mkdtemp(path.data()) == nullptr) support::fail_on_file("create", path, errno);
  if (::chmod(path.c_str(), directory_mode) != 0) support::fail_on_file("create", path, errno);
  return path;
}

void Store::Change::adopt(const std::string& staging, const std::string& id,
                          const std::string& version) {
  const std::string parent = store_.root() + "/store/" + id;
  const std::string target = parent + '/' + version;
  support::create_directories(parent, directory_mode);
  if (!exists(target)) {
    rename_path(staging, target);
  } else if (exchange(staging, target)) {
    remove_tree(staging);
  } else if (store_.active(id) != version) {
    discard(target);
    rename_path(staging, target);
  } else {
    throw Error(Errc::unsupported,
                "cannot replace " + id + ' ' + version +
                    ", which is active: this file system cannot exchange two directories; remove "
                    "it first");
  }
  sync_path(parent);
  sync_path(store_.root() + "/store");
}

void Store::Change::link(const std::string& links, const std::string& id,
                         const std::string& version) const {
  const std::string directory = store_.root() + '/' + links;
  const std::string made = directory + '/' + std::string(temporary) + id;
  if (::symlink(("../store/" + id + '/' + version).c_str(), made.c_str()) != 0)
    support::fail_on_file("create", made, errno);
  rename_path(made, directory + '/' + id);
  sync_path(directory);
}

void Store::Change::activate(const std::string& id, const std::string& version) {
  const auto before = store_.active(id);
  if (before != version) {
    // In this order: when we are killed in between, there is nothing to go back to yet.
    if (before) link("previous", id, *before);
    link("active", id, version);
  }
  prune(id);
}

void Store::Change::roll_back(const std::string& id) {
  const auto from = store_.active(id), to = store_.previous(id);
  if (!from) throw Error(Errc::not_found, id + " is not installed");
  if (!to || *to == *from)
    throw Error(Errc::not_found, id + " has no previous version; " + *from + " stays active");
  if (!exists(store_.directory_of(id, *to) + "/plugin.json"))
    throw Error(Errc::not_found, "the previous version of " + id + ", " + *to +
                                     ", is no longer there; install it again");
  const std::string active = store_.root() + "/active/" + id;
  const std::string previous = store_.root() + "/previous/" + id;
  if (exchange(active, previous)) {
    sync_path(store_.root() + "/active");
    sync_path(store_.root() + "/previous");
    return;
  }
  link("active", id, *to);
  link("previous", id, *from);
}

// Moves it away, and removes it then.
void Store::Change::discard(const std::string& path) {
  const std::string away = staging();
  rename_path(path, away + "/removed");
  remove_tree(away);
}

bool Store::Change::remove(const std::string& id) {
  const std::string active = store_.root() + "/active/" + id;
  const std::string previous = store_.root() + "/previous/" + id;
  const std::string versions = store_.root() + "/store/" + id;
  const bool is_there = exists(active) || exists(previous) || exists(versions);
  for (const auto& path : {active, previous, store_.root() + "/state/" + id + ".json"})
    if (::unlink(path.c_str()) != 0 && errno != ENOENT)
      support::fail_on_file("remove", path, errno);
  sync_path(store_.root() + "/active");
  if (exists(versions)) discard(versions);
  sync_path(store_.root() + "/store");
  return is_there;
}

void Store::Change::prune(const std::string& id) {
  const auto active = store_.active(id), previous = store_.previous(id);
  for (const auto& version : store_.versions(id))
    if (version != active && version != previous) discard(store_.directory_of(id, version));
}

}  // namespace jetpack::bundles
