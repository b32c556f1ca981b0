// Finds the files of a report: below folders, without following links or opening devices.
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

constexpr int deepest_folder = 64;
// A file with so little behind its length has only holes there: /var/log/lastlog may claim 300 GiB.
constexpr uint64_t sparse_bytes = 64 << 20;
constexpr uint64_t sparse_ratio = 16;

std::string kind_of(mode_t mode) {
  if (S_ISLNK(mode)) return "a link; links are not followed";
  if (S_ISFIFO(mode)) return "a FIFO";
  if (S_ISSOCK(mode)) return "a socket";
  return "a device";
}

// What happens to files that are in use: no fault of anybody.
std::string reason(int error) {
  return error == ENOENT ? "vanished while the report was made" : support::system_message(error);
}

// The names in a folder, sorted, so that two reports can be compared.
std::vector<std::string> names_in(int folder, size_t most) {
  std::vector<std::string> names;
  Fd again(::openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!again) throw Error(Errc::failed, reason(errno));
  const support::Directory entries(::fdopendir(::dup(again.get())));
  if (!entries) throw Error(Errc::failed, reason(errno));
  while (const dirent* entry = ::readdir(entries.get())) {
    const std::string name = entry->d_name;
    if (name != "." && name != "..") names.push_back(name);
    if (names.size() > most) break;
  }
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace

void Collector::run() {
  for (const auto& path : selection_.paths) visit(AT_FDCWD, path, path, 0);
}

// An O_PATH descriptor has no effect on what it names, so a device or FIFO is never opened, also
// when it takes a file's place in this moment.
void Collector::visit(int folder, const std::string& name, const std::string& path, int depth) {
  const Fd entry(::openat(folder, name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
  struct stat info {};
  if (!entry || ::fstat(entry.get(), &info) != 0) return skip_({path, reason(errno)});
  if (S_ISREG(info.st_mode)) return visit_file(entry.get(), path);
  if (!S_ISDIR(info.st_mode)) return skip_({path, kind_of(info.st_mode)});
  if (depth == deepest_folder) return skip_({path, "folders are nested too deeply"});
  visit_folder(entry.get(), path, depth);
}

void Collector::visit_folder(int folder, const std::string& path, int depth) {
  std::vector<std::string> names;
  try {
    names = names_in(folder, selection_.most_files);
  } catch (const Error& e) {
    return skip_({path, e.what()});
  }
  const std::string prefix = path == "/" ? path : path + '/';
  for (const auto& name : names) visit(folder, name, prefix + name, depth + 1);
}

void Collector::visit_file(int entry, const std::string& path) {
  const std::string link = "/proc/self/fd/" + std::to_string(entry);
  Found found{path, Fd(::open(link.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC))};
  struct stat info {};
  if (!found.fd || ::fstat(found.fd.get(), &info) != 0) return skip_({path, reason(errno)});
  found.bytes = static_cast<uint64_t>(info.st_size);
  found.modified = info.st_mtime;
  found.device = info.st_dev;
  found.inode = info.st_ino;
  if (selection_.since && info.st_mtime < *selection_.since)
    return skip_({path, "not changed in the time that --since gives"});
  const uint64_t allocated = static_cast<uint64_t>(info.st_blocks) * 512;
  if (found.bytes > sparse_bytes && allocated < found.bytes / sparse_ratio)
    return skip_({path, "sparse: it claims " + std::to_string(found.bytes) + " bytes and has " +
                            std::to_string(allocated)});
  if (++files_ > selection_.most_files)
    return skip_(
        {path, "a report has at most " + std::to_string(selection_.most_files) + " files"});
  take_(std::move(found));
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
