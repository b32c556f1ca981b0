// Reads files with a size limit, and writes them so that a crash leaves the old or the new content.
#include "support/files.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>

#include <jetpack/error.hpp>
#include "support/file_errors.hpp"

namespace jetpack::support {

namespace {

// Appends the content of `fd` up to its end; false when it exceeds `max_bytes`.
bool append_all(int fd, uint64_t max_bytes, const std::string& name, std::string& content) {
  std::array<char, 16384> piece;
  for (;;) {
    const size_t limit = std::min<uint64_t>(piece.size(), max_bytes + 1 - content.size());
    const ssize_t got = ::read(fd, piece.data(), limit);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) fail_on_file("read", name, errno);
    if (got == 0) return true;
    content.append(piece.data(), static_cast<size_t>(got));
    if (content.size() > max_bytes) return false;
  }
}

// A temporary file beside `path`, removed unless it is renamed into place.
class Draft {
 public:
  explicit Draft(const std::string& path)
      : path_(path), name_(path + ".XXXXXX"), fd_(::mkostemp(name_.data(), O_CLOEXEC)) {
    if (!fd_) fail_on_file("write", path, errno);
  }
  ~Draft() {
    if (!name_.empty()) ::unlink(name_.c_str());
  }
  Draft(const Draft&) = delete;
  Draft& operator=(const Draft&) = delete;

  // Gives it the owner, group and mode that write_durably documents.
  void set_access(const struct stat& directory, unsigned mode) {
    struct stat old {};
    const bool others_can_write = (directory.st_mode & (S_IWGRP | S_IWOTH)) != 0;
    const bool keeps = !others_can_write && ::stat(path_.c_str(), &old) == 0;
    constexpr auto same = static_cast<uid_t>(-1);
    const gid_t group = keeps ? old.st_gid : directory.st_gid;
    // Only root can change the owner, and the caller may not be in the old file's group.
    if (::fchown(fd_.get(), keeps ? old.st_uid : same, group) != 0 &&
        ::fchown(fd_.get(), same, group) != 0 && errno != EPERM)
      fail_on_file("set the owner of", path_, errno);
    if (::fchmod(fd_.get(), keeps ? old.st_mode & 07777 : mode) != 0)
      fail_on_file("set the mode of", path_, errno);
  }

  void write(std::string_view content) {
    if (const int error = write_all(fd_.get(), content)) fail_on_file("write", path_, error);
    if (::fsync(fd_.get()) != 0) fail_on_file("write", path_, errno);
  }

  void place() {
    if (::rename(name_.c_str(), path_.c_str()) != 0) fail_on_file("replace", path_, errno);
    name_.clear();
  }

 private:
  const std::string& path_;
  std::string name_;
  Fd fd_;
};

}  // namespace

void Fd::close() noexcept {
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

std::string system_message(int error) {
  std::array<char, 128> buffer{};
  return ::strerror_r(error, buffer.data(), buffer.size());
}

void fail_on_file(const std::string& doing, const std::string& path, int error) {
  const bool is_disk =
      error == ENOSPC || error == EDQUOT || error == EROFS || error == EIO || error == EFBIG;
  const Errc code = is_disk                             ? Errc::unavailable
                    : error == EACCES || error == EPERM ? Errc::denied
                    : error == ENOENT                   ? Errc::not_found
                                                        : Errc::failed;
  throw Error(code, "cannot " + doing + ' ' + path + ": " + system_message(error));
}

std::string parent_directory(const std::string& path) {
  const auto slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
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
  if (!append_all(fd, max_bytes, name, content)) return std::nullopt;
  return content;
}

Fd open_file(const std::string& path, Sharing sharing) {
  // O_NONBLOCK: do not hang when the path is a FIFO.
  const int no_links = sharing == Sharing::shared ? O_NOFOLLOW : 0;
  Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | no_links));
  if (!fd && errno == ENOENT) return fd;
  if (!fd && errno == ELOOP && no_links != 0)
    throw Error(Errc::corrupt, "cannot read " + path + ": it is a symbolic link");
  struct stat info {};
  if (!fd || ::fstat(fd.get(), &info) != 0) fail_on_file("read", path, errno);
  if (!S_ISREG(info.st_mode))
    throw Error(Errc::corrupt, "cannot read " + path + ": not a regular file");
  if (no_links != 0 && info.st_nlink > 1)
    throw Error(Errc::corrupt, "cannot read " + path + ": it has several hard links");
  return fd;
}

Fd open_input(const std::string& file) {
  Fd fd(file == "-" ? ::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3)
                    : ::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat info {};
  if (!fd || ::fstat(fd.get(), &info) != 0) fail_on_file("read", name_of_input(file), errno);
  if (S_ISDIR(info.st_mode))
    throw Error(Errc::failed, "cannot read " + name_of_input(file) + ": it is a directory");
  return fd;
}

Fd open_output(const std::string& file) {
  Fd fd(file == "-" ? ::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3)
                    : ::open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666));
  if (!fd) fail_on_file("write", file == "-" ? "standard output" : file, errno);
  return fd;
}

std::string read_input(const std::string& file, uint64_t max_bytes) {
  const Fd fd = open_input(file);
  struct stat info {};
  // The size of a file is known before it is read; a pipe is read up to the limit.
  const bool is_too_large = ::fstat(fd.get(), &info) == 0 && S_ISREG(info.st_mode) &&
                            static_cast<uint64_t>(info.st_size) > max_bytes;
  if (!is_too_large)
    if (auto content = read_bounded(fd.get(), max_bytes, name_of_input(file)))
      return *std::move(content);
  throw Error(Errc::corrupt,
              "cannot read " + name_of_input(file) + ": it has " +
                  (is_too_large ? std::to_string(info.st_size) : "more than the limit") +
                  " bytes, the limit is " + std::to_string(max_bytes));
}

namespace {

std::string read_open_file(const Fd& fd, const std::string& path, uint64_t max_bytes) {
  struct stat info {};
  if (::fstat(fd.get(), &info) != 0) fail_on_file("read", path, errno);
  // A file may grow while it is read, and files in /proc have size 0.
  std::string content;
  const auto size = static_cast<uint64_t>(info.st_size);
  bool fits = size <= max_bytes;
  if (fits) {
    content.reserve(size);
    fits = append_all(fd.get(), max_bytes, path, content);
  }
  if (fits) return content;
  throw Error(Errc::corrupt, "cannot read " + path + ": it has " +
                                 std::to_string(std::max<uint64_t>(size, content.size())) +
                                 " bytes, the limit is " + std::to_string(max_bytes));
}

void check_private(const struct stat& info, const std::string& path) {
  if ((info.st_uid != 0 && info.st_uid != ::geteuid()) || (info.st_mode & (S_IWGRP | S_IWOTH)) != 0)
    throw Error(Errc::denied,
                "cannot trust " + path +
                    ": others than root can write it; chmod go-w it, and chown it to root");
}

}  // namespace

std::optional<std::string> read_file(const std::string& path, uint64_t max_bytes, Sharing sharing) {
  const Fd fd = open_file(path, sharing);
  if (!fd) return std::nullopt;
  return read_open_file(fd, path, max_bytes);
}

std::optional<std::string> read_private_file(const std::string& path, uint64_t max_bytes) {
  const Fd fd = open_file(path, Sharing::shared);
  if (!fd) return std::nullopt;
  struct stat info {};
  if (::fstat(fd.get(), &info) != 0) fail_on_file("read", path, errno);
  check_private(info, path);
  const std::string directory = parent_directory(path);
  if (::stat(directory.c_str(), &info) != 0) fail_on_file("read", directory, errno);
  check_private(info, directory);
  return read_open_file(fd, path, max_bytes);
}

void write_durably(const std::string& path, std::string_view content, unsigned mode) {
  const Fd directory(::open(parent_directory(path).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  struct stat info {};
  if (!directory || ::fstat(directory.get(), &info) != 0) fail_on_file("write", path, errno);
  Draft draft(path);
  draft.set_access(info, mode);
  draft.write(content);
  draft.place();
  if (::fsync(directory.get()) != 0) fail_on_file("write", path, errno);
}

bool write_if_changed(const std::string& path, std::string_view content, unsigned mode) {
  try {
    if (read_file(path, content.size()) == content) return false;
  } catch (const Error&) {
    // An unreadable file is replaced.
  }
  write_durably(path, content, mode);
  return true;
}

std::string octal(unsigned mode) {
  std::array<char, 16> text{};
  std::snprintf(text.data(), text.size(), "%04o", mode & 07777U);
  return text.data();
}

void create_directories(const std::string& path, unsigned mode) {
  const auto exists = [](const std::string& directory) {
    struct stat info {};
    return ::stat(directory.c_str(), &info) == 0 && S_ISDIR(info.st_mode);
  };
  if (exists(path)) return;
  if (const std::string parent = parent_directory(path); parent != path && !exists(parent))
    create_directories(parent, mode);
  if (::mkdir(path.c_str(), mode) != 0 && (errno != EEXIST || !exists(path)))
    fail_on_file("create the directory", path, errno);
}

std::string temporary_directory() {
  const char* set = std::getenv("TMPDIR");
  struct stat info {};
  const bool is_usable =
      set != nullptr && *set == '/' && ::stat(set, &info) == 0 && S_ISDIR(info.st_mode);
  return is_usable ? set : "/tmp";
}

std::string move_aside(const std::string& path) {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  // With nanoseconds, so that an earlier one is not overwritten.
  std::string aside =
      path + ".corrupt-" + std::to_string(now.tv_sec) + '.' + std::to_string(now.tv_nsec);
  if (::rename(path.c_str(), aside.c_str()) != 0) fail_on_file("move aside", path, errno);
  return aside;
}

}  // namespace jetpack::support
