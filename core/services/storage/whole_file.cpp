// A small file that appears with all that is in it.
#include "services/storage/whole_file.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "services/storage/partial_file.hpp"
#include "services/storage/wanted.hpp"
#include "support/text.hpp"

namespace jetpack::storage {

namespace {

bool write_units(int fd, std::string_view content) {
  while (!content.empty()) {
    const ssize_t written = ::write(fd, content.data(), std::min(content.size(), write_unit));
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    content.remove_prefix(static_cast<size_t>(written));
  }
  return true;
}

bool create(int directory, const std::string& name, std::string_view content) {
  const support::Fd fd(::openat(directory, ".", O_WRONLY | O_TMPFILE | O_CLOEXEC, 0666));
  if (!fd || !write_units(fd.get(), content)) return false;
  // AT_EMPTY_PATH, which would do without the path, takes a privilege.
  const std::string path = "/proc/self/fd/" + std::to_string(fd.get());
  return ::linkat(AT_FDCWD, path.c_str(), directory, name.c_str(), AT_SYMLINK_FOLLOW) == 0;
}

// Whether the file is trusted and holds that already. It counts as written now.
bool holds(int directory, const std::string& name, const struct stat& old,
           std::string_view content) {
  if (!is_trusted(old) || static_cast<uint64_t>(old.st_size) != content.size()) return false;
  const int flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
  const support::Fd fd(::openat(directory, name.c_str(), flags));
  struct stat now {};
  if (!fd || ::fstat(fd.get(), &now) != 0 || now.st_dev != old.st_dev || now.st_ino != old.st_ino)
    return false;
  char buffer[write_unit];
  while (!content.empty()) {
    const ssize_t got = ::read(fd.get(), buffer, std::min(content.size(), sizeof buffer));
    if (got <= 0 || !content.starts_with({buffer, static_cast<size_t>(got)})) return false;
    content.remove_prefix(static_cast<size_t>(got));
  }
  return ::futimens(fd.get(), nullptr) == 0;
}

bool replace(int directory, const std::string& name, const struct stat& old,
             std::string_view content) {
  const std::string part = partial_name(name);
  const int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
  const support::Fd fd(::openat(directory, part.c_str(), flags, 0666));
  // Who opened it in between may have the lock, or have had it and renamed the file.
  if (!fd || ::flock(fd.get(), LOCK_EX | LOCK_NB) != 0 || !is_still_at(fd.get(), directory, part))
    return false;
  if (write_units(fd.get(), content)) {
    take_over(fd.get(), old);
    if (::renameat(directory, part.c_str(), directory, name.c_str()) == 0) return true;
  }
  ::unlinkat(directory, part.c_str(), 0);
  return false;
}

}  // namespace

bool write_whole(int directory, const std::string& name, std::string_view content) {
  struct stat old {};
  if (::fstatat(directory, name.c_str(), &old, AT_SYMLINK_NOFOLLOW) != 0)
    return errno == ENOENT && create(directory, name, content);
  return S_ISREG(old.st_mode) &&
         (holds(directory, name, old, content) || replace(directory, name, old, content));
}

LastDirectory::Held LastDirectory::of(const Wanted& wanted) {
  if (wanted.root < 0) return nullptr;
  std::string below = support::parent_directory(wanted.below);
  if (!held_ || root_ != wanted.root || below_ != below) {
    held_ = std::make_shared<const support::Fd>(open_directory(wanted));
    root_ = wanted.root;
    below_ = std::move(below);
  }
  return held_;
}

}  // namespace jetpack::storage
