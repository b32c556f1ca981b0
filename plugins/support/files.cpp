// Files of the home tree as the verbs and the daemon use them: read with a bound, replaced whole.
#include "support/files.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <ctime>

#include <jetpack/error.hpp>

namespace support {

namespace {

using jetpack::Errc;
using jetpack::Error;

[[noreturn]] void fail(const std::string& doing, const std::string& path, int error) {
  const Errc code = error == ENOSPC || error == EDQUOT                    ? Errc::unavailable
                    : error == EACCES || error == EPERM || error == EROFS ? Errc::denied
                    : error == ENOENT                                     ? Errc::not_found
                                                                          : Errc::failed;
  throw Error(code, "cannot " + doing + ' ' + path + ": " + system_message(error));
}

std::string folder_of(const std::string& path) {
  const auto slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

// A temporary file, removed unless it is renamed into place.
class Draft {
 public:
  explicit Draft(const std::string& path) : name_(path + ".XXXXXX") {
    fd_ = Fd(::mkostemp(name_.data(), O_CLOEXEC));
    if (!fd_) fail("write", path, errno);
  }
  ~Draft() {
    if (!name_.empty()) ::unlink(name_.c_str());
  }
  Draft(const Draft&) = delete;
  Draft& operator=(const Draft&) = delete;

  int fd() const { return fd_.get(); }
  void place(const std::string& path) {
    if (::rename(name_.c_str(), path.c_str()) != 0) fail("replace", path, errno);
    name_.clear();
  }

 private:
  std::string name_;
  Fd fd_;
};

Fd open_lock(const std::string& path, unsigned mode) {
  Fd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, mode));
  if (!fd) fail("open", path, errno);
  // Whatever the umask: members of the folder's group lock it too. Only its owner can say so.
  struct stat info {};
  if (::fstat(fd.get(), &info) == 0 && (info.st_mode & 07777) != mode) ::fchmod(fd.get(), mode);
  return fd;
}

}  // namespace

void Fd::close() noexcept {
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

std::string system_message(int error) {
  std::array<char, 128> buffer{};
  return ::strerror_r(error, buffer.data(), buffer.size());
}

int write_all(int fd, std::string_view content) {
  while (!content.empty()) {
    const ssize_t written = ::write(fd, content.data(), content.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return errno;
    content.remove_prefix(static_cast<size_t>(written));
  }
  return 0;
}

std::optional<std::string> read_bounded(int fd, uint64_t max_bytes, const std::string& name) {
  std::string content;
  std::array<char, 65536> piece;
  while (content.size() <= max_bytes) {
    const size_t wanted = std::min<uint64_t>(piece.size(), max_bytes + 1 - content.size());
    const ssize_t got = ::read(fd, piece.data(), wanted);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) fail("read", name, errno);
    if (got == 0) return content;
    content.append(piece.data(), static_cast<size_t>(got));
  }
  return std::nullopt;
}

std::optional<std::string> read_file(const std::string& path, uint64_t max_bytes) {
  // O_NONBLOCK: a FIFO in the place of a file must not hang us.
  const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd && errno == ENOENT) return std::nullopt;
  if (!fd) fail("read", path, errno);
  struct stat info {};
  if (::fstat(fd.get(), &info) != 0) fail("read", path, errno);
  if (!S_ISREG(info.st_mode))
    throw Error(Errc::corrupt, "cannot read " + path + ": it is not a regular file");
  auto content = read_bounded(fd.get(), max_bytes, path);
  if (!content)
    throw Error(Errc::corrupt, "cannot read " + path + ": it has more than " +
                                   std::to_string(max_bytes) + " bytes");
  return content;
}

void write_durably(const std::string& path, std::string_view content, unsigned mode) {
  const std::string folder = folder_of(path);
  const Fd folder_fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  struct stat info {};
  if (!folder_fd || ::fstat(folder_fd.get(), &info) != 0) fail("write", path, errno);
  Draft draft(path);
  // A member of the group may write without being able to give the file away.
  if (::fchown(draft.fd(), static_cast<uid_t>(-1), info.st_gid) != 0 && errno != EPERM)
    fail("set the group of", path, errno);
  if (::fchmod(draft.fd(), mode) != 0) fail("set the mode of", path, errno);
  if (const int error = write_all(draft.fd(), content)) fail("write", path, error);
  if (::fsync(draft.fd()) != 0) fail("write", path, errno);
  draft.place(path);
  if (::fsync(folder_fd.get()) != 0) fail("write", path, errno);
}

bool write_if_changed(const std::string& path, std::string_view content, unsigned mode) {
  try {
    if (read_file(path, content.size()) == content) return false;
  } catch (const Error&) {
    // What cannot be read is replaced.
  }
  write_durably(path, content, mode);
  return true;
}

std::string move_aside(const std::string& path) {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  std::string aside =
      path + ".corrupt-" + std::to_string(now.tv_sec) + '.' + std::to_string(now.tv_nsec);
  if (::rename(path.c_str(), aside.c_str()) != 0) fail("move aside", path, errno);
  return aside;
}

Lock Lock::wait(const std::string& path, unsigned mode) {
  Fd fd = open_lock(path, mode);
  while (::flock(fd.get(), LOCK_EX) != 0)
    if (errno != EINTR) fail("lock", path, errno);
  return Lock(std::move(fd));
}

std::optional<Lock> Lock::attempt(const std::string& path, unsigned mode) {
  Fd fd = open_lock(path, mode);
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) == 0) return Lock(std::move(fd));
  if (errno == EWOULDBLOCK || errno == EINTR) return std::nullopt;
  fail("lock", path, errno);
}

bool Lock::is_held(const std::string& path) {
  const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  return fd && ::flock(fd.get(), LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
}

}  // namespace support
