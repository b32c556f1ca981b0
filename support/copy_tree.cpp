#include "support/copy_tree.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <filesystem>

#include "support/file_errors.hpp"
#include "support/files.hpp"

namespace jetpack::support {

namespace {

constexpr mode_t permissions = 07777;

[[noreturn]] void fail_to_copy(const std::string& from, const std::string& to, int error) {
  fail_on_file("copy " + from + " to", to, error);
}

// 0 or the errno of the failure.
int copy_content(int from, int to) {
  std::array<char, 65536> buffer;  // NOLINT(cppcoreguidelines-pro-type-member-init): is read into
  for (;;) {
    const ssize_t size = ::read(from, buffer.data(), buffer.size());
    if (size == 0) return 0;
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return errno;
    if (const int error = write_all(to, {buffer.data(), static_cast<size_t>(size)})) return error;
  }
}

void copy_file(const std::string& from, const std::string& to, mode_t mode) {
  const Fd source(::open(from.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!source) fail_to_copy(from, to, errno);
  const Fd copy(::open(to.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode & 0700));
  if (!copy) fail_to_copy(from, to, errno);
  if (const int error = copy_content(source.get(), copy.get())) fail_to_copy(from, to, error);
  if (::fchmod(copy.get(), mode & permissions) != 0) fail_to_copy(from, to, errno);
}

}  // namespace

void copy_tree(const std::string& from, const std::string& to, SymbolicLinks links) {
  struct stat info {};
  if (::lstat(from.c_str(), &info) != 0) fail_to_copy(from, to, errno);
  std::error_code failure;
  if (S_ISDIR(info.st_mode)) {
    if (::mkdir(to.c_str(), info.st_mode & permissions) != 0 && errno != EEXIST)
      fail_to_copy(from, to, errno);
    for (std::filesystem::directory_iterator at(from, failure), end; !failure && at != end;
         at.increment(failure))
      copy_tree(at->path(), to + '/' + at->path().filename().string(), links);
  } else if (S_ISREG(info.st_mode)) {
    copy_file(from, to, info.st_mode);
  } else if (!S_ISLNK(info.st_mode)) {
    fail_to_copy(from, to, EOPNOTSUPP);
  } else if (links == SymbolicLinks::copy) {
    std::filesystem::copy_symlink(from, to, failure);
  }
  if (failure) fail_to_copy(from, to, failure.value());
}

}  // namespace jetpack::support
