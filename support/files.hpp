// Files read with a bound, and written so that a crash leaves the old content or the new.
#pragma once

#include <dirent.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace jetpack::support {

// Owns a file descriptor.
class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) noexcept : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Fd() { close(); }

  int get() const noexcept { return fd_; }
  explicit operator bool() const noexcept { return fd_ >= 0; }
  void close() noexcept;

 private:
  int fd_ = -1;
};

// Owns a folder opened for reading its entries.
struct CloseFolder {
  void operator()(DIR* folder) const noexcept { ::closedir(folder); }
};
using Folder = std::unique_ptr<DIR, CloseFolder>;

// "No such file or directory", for an errno.
std::string system_message(int error);

// The whole file; nullopt when it does not exist. Throws Errc::denied or failed, and Errc::corrupt
// when it is no regular file or larger than `max_bytes`. Never allocates more than `max_bytes`.
std::optional<std::string> read_file(const std::string& path, uint64_t max_bytes);

// Replaces the file: temporary name beside it, fsync, rename, fsync of the folder. An existing file
// keeps its owner, group and mode; a new one gets `mode`, and the folder's group where that is
// setgid. Throws Errc::unavailable when the disk is full, else denied or failed.
void write_file_durably(const std::string& path, std::string_view content, unsigned mode);

// Renames an unreadable state file to PATH.corrupt-TIME, so that work can go on; returns its name.
std::string move_aside(const std::string& path);

// Holds an advisory lock on a file, which is created when missing, until destroyed.
class FileLock {
 public:
  // Waits for the lock.
  static FileLock wait(const std::string& path, unsigned mode);
  // nullopt when somebody else holds it.
  static std::optional<FileLock> attempt(const std::string& path, unsigned mode);
  // Whether somebody holds it now. A file that does not exist is not held.
  static bool is_held(const std::string& path);

 private:
  explicit FileLock(Fd fd) noexcept : fd_(std::move(fd)) {}
  Fd fd_;
};

}  // namespace jetpack::support
