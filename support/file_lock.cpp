// Advisory locks between processes.
#include "support/file_lock.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <thread>

#include <jetpack/error.hpp>
#include "support/file_errors.hpp"
#include "support/text.hpp"

namespace jetpack::support {

namespace {

using Clock = std::chrono::steady_clock;

void check_lock_file(const Fd& fd, const std::string& path, struct stat& info) {
  if (::fstat(fd.get(), &info) != 0) fail_on_file("open", path, errno);
  if (!S_ISREG(info.st_mode))
    throw Error(Errc::unavailable, "cannot lock " + path + ": not a regular file; remove it");
}

Fd open_lock(const std::string& path, unsigned mode) {
  // O_NONBLOCK: do not hang when the path is a FIFO.
  Fd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, mode));
  // A lock needs no write access, and what was locked there before still is.
  if (!fd && errno == EROFS) {
    fd = Fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
    if (!fd && errno == ENOENT) errno = EROFS;
  }
  if (!fd) fail_on_file("open", path, errno);
  struct stat info {};
  check_lock_file(fd, path, info);
  // Only its owner can change the mode. With a second link it may be another file's.
  if ((info.st_mode & 07777) != mode && info.st_nlink == 1) ::fchmod(fd.get(), mode);
  return fd;
}

// Whether `operation` was granted within `longest`.
bool lock(const Fd& fd, int operation, std::chrono::milliseconds longest, const std::string& path) {
  constexpr std::chrono::milliseconds interval{20};
  const auto deadline = Clock::now() + longest;
  while (::flock(fd.get(), operation | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK && errno != EINTR) fail_on_file("lock", path, errno);
    if (Clock::now() >= deadline) return false;
    std::this_thread::sleep_for(interval);
  }
  return true;
}

[[noreturn]] void fail_locked(const std::string& path, std::chrono::milliseconds longest) {
  throw Error(Errc::failed, "cannot lock " + path + ": still held by " + FileLock::holder(path) +
                                " after " + std::to_string(longest.count()) +
                                " ms; try again, or end that process");
}

// The process in a line of /proc/locks, which proc(5) describes, when it is about this file:
// "1: FLOCK  ADVISORY  WRITE 123 08:01:4711 0 EOF". 0 when it is not.
int holder_in(const std::string& line, const struct stat& file) {
  int pid = 0;
  unsigned major_number = 0, minor_number = 0;
  unsigned long inode = 0;
  if (std::sscanf(line.c_str(), "%*d: FLOCK %*s %*s %d %x:%x:%lu", &pid, &major_number,
                  &minor_number, &inode) != 4)
    return 0;
  const bool is_same = inode == file.st_ino && major_number == major(file.st_dev) &&
                       minor_number == minor(file.st_dev);
  return is_same ? pid : 0;
}

}  // namespace

FileLock FileLock::wait(const std::string& path, unsigned mode, std::chrono::milliseconds longest) {
  auto held = attempt(path, mode, longest);
  if (!held) fail_locked(path, longest);
  return *std::move(held);
}

FileLock FileLock::wait_shared(const std::string& path, std::chrono::milliseconds longest) {
  Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!fd) fail_on_file("open", path, errno);
  struct stat info {};
  check_lock_file(fd, path, info);
  if (!lock(fd, LOCK_SH, longest, path)) fail_locked(path, longest);
  return FileLock(std::move(fd));
}

std::optional<FileLock> FileLock::attempt(const std::string& path, unsigned mode,
                                          std::chrono::milliseconds longest) {
  Fd fd = open_lock(path, mode);
  if (!lock(fd, LOCK_EX, longest, path)) return std::nullopt;
  return FileLock(std::move(fd));
}

bool FileLock::is_held(const std::string& path) {
  const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  struct stat info {};
  return fd && ::fstat(fd.get(), &info) == 0 && S_ISREG(info.st_mode) &&
         ::flock(fd.get(), LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
}

std::string FileLock::holder(const std::string& path) {
  constexpr uint64_t max_locks = 1 << 20, max_name = 256;
  try {
    struct stat file {};
    const std::string locks = read_file("/proc/locks", max_locks).value_or("");
    int pid = 0;
    if (::lstat(path.c_str(), &file) == 0)
      for (size_t at = 0; pid <= 0 && at < locks.size();) {
        const size_t end = std::min(locks.find('\n', at), locks.size());
        pid = holder_in(locks.substr(at, end - at), file);
        at = end + 1;
      }
    if (pid <= 0) return "another process";
    const auto name = read_file("/proc/" + std::to_string(pid) + "/comm", max_name).value_or("");
    return "pid " + std::to_string(pid) +
           (name.empty() ? "" : " (" + one_line(trimmed(name)) + ")");
  } catch (const Error&) {
    return "another process";
  }
}

void FileLock::note(std::string_view text) const {
  if (::ftruncate(fd_.get(), 0) != 0 ||
      ::pwrite(fd_.get(), text.data(), text.size(), 0) != static_cast<ssize_t>(text.size()))
    throw Error(Errc::failed, "cannot write the lock file: " + system_message(errno));
}

}  // namespace jetpack::support
