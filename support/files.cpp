// Files read with a bound, and written so that a crash leaves the old content or the new.
#include "support/files.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <ctime>

#include <jetpack/error.hpp>

namespace jetpack::support {

namespace {

Errc errc_of(int error) {
  switch (error) {
    case EACCES:
    case EPERM:
    case EROFS:
      return Errc::denied;
    case ENOENT:
      return Errc::not_found;
    case ENOSPC:
    case EDQUOT:
      return Errc::unavailable;
    default:
      return Errc::failed;
  }
}

[[noreturn]] void fail(const std::string& doing, const std::string& path, int error) {
  throw Error(errc_of(error), "cannot " + doing + " " + path + ": " + system_message(error));
}

std::string parent_of(const std::string& path) {
  const auto slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

void write_all(int fd, std::string_view content, const std::string& path) {
  while (!content.empty()) {
    const ssize_t written = ::write(fd, content.data(), content.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) fail("write", path, errno);
    content.remove_prefix(static_cast<size_t>(written));
  }
}

// Has the kernel make the pages of a large buffer at once: a page fault for each costs more than
// filling it. Where it cannot (before Linux 5.14) nothing is lost.
void populate(const char* buffer, size_t size) {
  constexpr uintptr_t page = 4096;
  const uintptr_t start = (reinterpret_cast<uintptr_t>(buffer) + page - 1) & ~(page - 1);
  const uintptr_t end = (reinterpret_cast<uintptr_t>(buffer) + size) & ~(page - 1);
  if (end > start && end - start >= 16 * page)
    ::madvise(reinterpret_cast<void*>(start), end - start, MADV_POPULATE_WRITE);
}

Fd open_lock(const std::string& path, unsigned mode) {
  Fd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, mode));
  if (!fd) fail("open", path, errno);
  return fd;
}

// Removes a temporary file unless it has been renamed into place.
class Unlinker {
 public:
  explicit Unlinker(std::string path) : path_(std::move(path)) {}
  ~Unlinker() {
    if (!path_.empty()) ::unlink(path_.c_str());
  }
  Unlinker(const Unlinker&) = delete;
  Unlinker& operator=(const Unlinker&) = delete;
  void release() { path_.clear(); }

 private:
  std::string path_;
};

// Gives a new file the mode and, where we may, the owner that its predecessor had.
void inherit_ownership(int fd, const std::string& path, unsigned mode) {
  struct stat old {};
  if (::stat(path.c_str(), &old) != 0) {
    if (::fchmod(fd, mode) != 0) fail("set the mode of", path, errno);
    return;
  }
  // A member of the group may replace a file without being its owner.
  if (::fchown(fd, old.st_uid, old.st_gid) != 0 &&
      ::fchown(fd, static_cast<uid_t>(-1), old.st_gid) != 0 && errno != EPERM)
    fail("set the owner of", path, errno);
  if (::fchmod(fd, old.st_mode & 07777) != 0) fail("set the mode of", path, errno);
}

}  // namespace

void Fd::close() noexcept {
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

std::string system_message(int error) {
  char buffer[128];
  return ::strerror_r(error, buffer, sizeof buffer);
}

std::optional<std::string> read_file(const std::string& path, uint64_t max_bytes) {
  // O_NONBLOCK: a FIFO in the place of a file must not hang us.
  const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd) {
    if (errno == ENOENT) return std::nullopt;
    fail("read", path, errno);
  }
  struct stat info {};
  if (::fstat(fd.get(), &info) != 0) fail("read", path, errno);
  if (!S_ISREG(info.st_mode))
    throw Error(Errc::corrupt, "cannot read " + path + ": it is not a regular file");
  const auto too_large = [&](uint64_t size) {
    return Error(Errc::corrupt, "cannot read " + path + ": it has " + std::to_string(size) +
                                    " bytes, and at most " + std::to_string(max_bytes) +
                                    " are read");
  };
  if (static_cast<uint64_t>(info.st_size) > max_bytes)
    throw too_large(static_cast<uint64_t>(info.st_size));

  // A file may grow while it is read, and files of /proc claim to be empty.
  std::string content;
  content.reserve(static_cast<size_t>(info.st_size));
  populate(content.data(), content.capacity());
  std::array<char, 16384> piece;
  for (;;) {
    const ssize_t got = ::read(fd.get(), piece.data(), piece.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) fail("read", path, errno);
    if (got == 0) return content;
    content.append(piece.data(), static_cast<size_t>(got));
    if (content.size() > max_bytes) throw too_large(content.size());
  }
}

void write_file_durably(const std::string& path, std::string_view content, unsigned mode) {
  std::string temporary = path + ".XXXXXX";
  const Fd fd(::mkostemp(temporary.data(), O_CLOEXEC));
  if (!fd) fail("write", path, errno);
  Unlinker unlinker(temporary);
  inherit_ownership(fd.get(), path, mode);
  write_all(fd.get(), content, path);
  if (::fsync(fd.get()) != 0) fail("write", path, errno);
  if (::rename(temporary.c_str(), path.c_str()) != 0) fail("replace", path, errno);
  unlinker.release();
  const std::string folder = parent_of(path);
  const Fd folder_fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder_fd || ::fsync(folder_fd.get()) != 0) fail("write", path, errno);
}

std::string move_aside(const std::string& path) {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  // To the nanosecond, so that one that was moved before is not overwritten.
  std::string aside =
      path + ".corrupt-" + std::to_string(now.tv_sec) + '.' + std::to_string(now.tv_nsec);
  if (::rename(path.c_str(), aside.c_str()) != 0) fail("move aside", path, errno);
  return aside;
}

FileLock FileLock::wait(const std::string& path, unsigned mode) {
  Fd fd = open_lock(path, mode);
  while (::flock(fd.get(), LOCK_EX) != 0)
    if (errno != EINTR) fail("lock", path, errno);
  return FileLock(std::move(fd));
}

std::optional<FileLock> FileLock::attempt(const std::string& path, unsigned mode) {
  Fd fd = open_lock(path, mode);
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) == 0) return FileLock(std::move(fd));
  if (errno == EWOULDBLOCK || errno == EINTR) return std::nullopt;
  fail("lock", path, errno);
}

bool FileLock::is_held(const std::string& path) {
  const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!fd) return false;
  return ::flock(fd.get(), LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
}

}  // namespace jetpack::support
