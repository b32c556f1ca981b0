// Advisory locks between processes.
#include "support/file_lock.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <thread>

#include <jetpack/error.hpp>
#include "support/file_errors.hpp"

namespace jetpack::support {

namespace {

using Clock = std::chrono::steady_clock;

Fd open_lock(const std::string& path, unsigned mode) {
  Fd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, mode));
  if (!fd) fail_on_file("open", path, errno);
  struct stat info {};
  // Only its owner can change the mode.
  if (::fstat(fd.get(), &info) == 0 && (info.st_mode & 07777) != mode) ::fchmod(fd.get(), mode);
  return fd;
}

}  // namespace

FileLock FileLock::wait(const std::string& path, unsigned mode) {
  Fd fd = open_lock(path, mode);
  while (::flock(fd.get(), LOCK_EX) != 0)
    if (errno != EINTR) fail_on_file("lock", path, errno);
  return FileLock(std::move(fd));
}

std::optional<FileLock> FileLock::attempt(const std::string& path, unsigned mode,
                                          std::chrono::milliseconds longest) {
  constexpr std::chrono::milliseconds interval{20};
  const auto deadline = Clock::now() + longest;
  Fd fd = open_lock(path, mode);
  while (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK && errno != EINTR) fail_on_file("lock", path, errno);
    if (Clock::now() >= deadline) return std::nullopt;
    std::this_thread::sleep_for(interval);
  }
  return FileLock(std::move(fd));
}

bool FileLock::is_held(const std::string& path) {
  const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  return fd && ::flock(fd.get(), LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
}

void FileLock::note(std::string_view text) const {
  if (::ftruncate(fd_.get(), 0) != 0 ||
      ::pwrite(fd_.get(), text.data(), text.size(), 0) != static_cast<ssize_t>(text.size()))
    throw Error(Errc::failed, "cannot write the lock file: " + system_message(errno));
}

}  // namespace jetpack::support
