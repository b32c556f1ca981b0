// A small file that appears with all that is in it.
#include "services/storage/whole_file.hpp"

#include <fcntl.h>
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

}  // namespace

bool create_whole(int directory, const std::string& name, std::string_view content) {
  struct stat info {};
  if (::fstatat(directory, name.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0) return false;
  const support::Fd fd(::openat(directory, ".", O_WRONLY | O_TMPFILE | O_CLOEXEC, 0666));
  if (!fd || !write_units(fd.get(), content)) return false;
  // AT_EMPTY_PATH, which would do without the path, takes a privilege.
  const std::string path = "/proc/self/fd/" + std::to_string(fd.get());
  return ::linkat(AT_FDCWD, path.c_str(), directory, name.c_str(), AT_SYMLINK_FOLLOW) == 0;
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
