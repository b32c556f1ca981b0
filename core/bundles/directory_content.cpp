// A bundle that is unpacked in a directory.
#include "bundles/directory_content.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include <jetpack/error.hpp>
#include "loader/refusal.hpp"
#include "support/file_errors.hpp"
#include "support/open_below.hpp"

namespace jetpack::bundles {

namespace {

constexpr unsigned deepest = 16;

}  // namespace

DirectoryContent::DirectoryContent(const std::string& directory)
    : path_(directory), root_(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
  if (!root_) support::fail_on_file("open", directory, errno);
  list(root_.get(), "", 0);
  std::sort(entries_.begin(), entries_.end(),
            [](const Entry& a, const Entry& b) { return a.path < b.path; });
  check_entries(entries_);
}

void DirectoryContent::list(int directory, const std::string& below, unsigned depth) {
  if (depth > deepest) throw Refusal("its directory '" + below + "' is too deep");
  const int copy = ::openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const support::Directory opened(copy < 0 ? nullptr : ::fdopendir(copy));
  if (!opened) support::fail_on_file("read", path_ + '/' + below, errno);
  while (const dirent* found = ::readdir(opened.get())) {
    const std::string name = found->d_name;
    if (name == "." || name == "..") continue;
    const std::string path = below + name;
    struct stat info {};
    if (::fstatat(directory, name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0)
      support::fail_on_file("look at", path_below(path_, path), errno);
    if (S_ISDIR(info.st_mode)) {
      if (path != "lib" && path != "share") check_path(path);
      const support::Fd inner(
          ::openat(directory, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
      if (!inner) support::fail_on_file("open", path_below(path_, path), errno);
      list(inner.get(), path + '/', depth + 1);
      continue;
    }
    check_path(path);
    check_mode(path, info.st_mode);
    if (entries_.size() >= max_entries)
      throw Refusal("it has more than " + std::to_string(max_entries) + " files");
    entries_.push_back({path, static_cast<uint64_t>(info.st_size), (info.st_mode & S_IXUSR) != 0});
  }
}

void DirectoryContent::read(size_t index, const Sink& sink) const {
  const Entry& entry = entries_.at(index);
  const support::Fd file = support::open_below(
      root_.get(), entry.path, O_RDONLY | O_NONBLOCK | O_CLOEXEC, support::Links::none);
  struct stat info {};
  if (!file || ::fstat(file.get(), &info) != 0)
    support::fail_on_file("open", path_below(path_, entry.path), errno);
  check_mode(entry.path, info.st_mode);
  std::string piece(64 << 10, '\0');
  uint64_t size = 0;
  while (true) {
    const ssize_t got = ::read(file.get(), piece.data(), piece.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) support::fail_on_file("read", path_below(path_, entry.path), errno);
    if (got == 0) break;
    size += static_cast<uint64_t>(got);
    if (size > entry.size) break;
    sink(std::string_view(piece).substr(0, static_cast<size_t>(got)));
  }
  if (size != entry.size) throw Refusal("its file '" + entry.path + "' changed while it was read");
}

}  // namespace jetpack::bundles
