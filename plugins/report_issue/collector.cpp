// Finds the files of a report below directories, without following links or opening devices.
#include "collector.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <memory>

#include <jetpack/error.hpp>

namespace jetpack::report_issue {

namespace {

using jetpack::Errc;
using jetpack::Error;
using support::Fd;

constexpr int max_depth = 64;
// Detects sparse files: /var/log/lastlog may have a size of 300 GiB and no content.
constexpr uint64_t sparse_bytes = 64 << 20;
constexpr uint64_t sparse_ratio = 16;

std::string kind_of(mode_t mode) {
  if (S_ISLNK(mode)) return "a symbolic link (not followed)";
  if (S_ISFIFO(mode)) return "a FIFO";
  if (S_ISSOCK(mode)) return "a socket";
  return "a device";
}

// Files in use may vanish at any time.
std::string reason(int error) {
  return error == ENOENT ? "removed while the report was created" : support::system_message(error);
}

// The names in a directory, sorted so that reports can be compared.
std::vector<std::string> names_in(int directory, size_t max_names) {
  std::vector<std::string> names;
  Fd again(::openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!again) throw Error(Errc::failed, reason(errno));
  const support::Directory entries(::fdopendir(::dup(again.get())));
  if (!entries) throw Error(Errc::failed, reason(errno));
  while (const dirent* entry = ::readdir(entries.get())) {
    const std::string name = entry->d_name;
    if (name != "." && name != "..") names.push_back(name);
    if (names.size() > max_names) break;
  }
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace

void Collector::run() {
  for (const auto& path : selection_.paths) visit(AT_FDCWD, path, path, 0);
}

// An O_PATH descriptor does not open what it names, so a device or FIFO is never opened, not even
// one that replaces a file at this moment.
void Collector::visit(int directory, const std::string& name, const std::string& path, int depth) {
  const Fd entry(::openat(directory, name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
  struct stat info {};
  if (!entry || ::fstat(entry.get(), &info) != 0) return skip_({path, reason(errno)});
  if (S_ISREG(info.st_mode)) return visit_file(entry.get(), path);
  if (!S_ISDIR(info.st_mode)) return skip_({path, kind_of(info.st_mode)});
  if (depth == max_depth)
    return skip_({path, "directories nested deeper than " + std::to_string(max_depth)});
  visit_directory(entry.get(), path, depth);
}

void Collector::visit_directory(int directory, const std::string& path, int depth) {
  std::vector<std::string> names;
  try {
    names = names_in(directory, selection_.max_files);
  } catch (const Error& e) {
    return skip_({path, e.what()});
  }
  const std::string prefix = path == "/" ? path : path + '/';
  for (const auto& name : names) visit(directory, name, prefix + name, depth + 1);
}

void Collector::visit_file(int entry, const std::string& path) {
  const std::string link = "/proc/self/fd/" + std::to_string(entry);
  Found found{path, Fd(::open(link.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC))};
  struct stat info {};
  if (!found.fd || ::fstat(found.fd.get(), &info) != 0) return skip_({path, reason(errno)});
  // A hard link may be to a file that its creator cannot read.
  if (info.st_nlink > 1) return skip_({path, "has more than one name (hard links)"});
  found.bytes = static_cast<uint64_t>(info.st_size);
  found.modified = info.st_mtime;
  found.device = info.st_dev;
  found.inode = info.st_ino;
  if (selection_.since && info.st_mtime < *selection_.since)
    return skip_({path, "not modified within --since"});
  const uint64_t allocated = static_cast<uint64_t>(info.st_blocks) * 512;
  if (found.bytes > sparse_bytes && allocated < found.bytes / sparse_ratio)
    return skip_({path, "sparse: size is " + std::to_string(found.bytes) + " bytes, allocated " +
                            std::to_string(allocated)});
  if (++files_ > selection_.max_files)
    return skip_({path, "too many files, the limit is " + std::to_string(selection_.max_files)});
  add_(std::move(found));
}

std::vector<std::string> distinct_paths(const std::vector<std::string>& paths) {
  std::vector<std::string> all;
  for (const auto& path : paths) {
    const std::unique_ptr<char, decltype(&::free)> real(::realpath(path.c_str(), nullptr), ::free);
    if (!real)
      throw Error(errno == ENOENT ? Errc::not_found : Errc::failed,
                  "cannot collect " + path + ": " + support::system_message(errno));
    all.emplace_back(real.get());
  }
  std::sort(all.begin(), all.end());
  std::vector<std::string> distinct;
  for (const auto& path : all) {
    const bool is_covered =
        std::any_of(distinct.begin(), distinct.end(), [&](const std::string& above) {
          return path == above || above == "/" || path.starts_with(above + '/');
        });
    if (!is_covered) distinct.push_back(path);
  }
  return distinct;
}

}  // namespace jetpack::report_issue
