// Files of the home tree as the verbs and the daemon use them: read with a bound, replaced whole.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace support {

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

// "No such file or directory", for an errno.
std::string system_message(int error);

// Writes all of it; the errno that stopped it, else 0.
int write_all(int fd, std::string_view content);

// All that can be read of `fd`; nullopt when that is more than `max_bytes`, of which no more than
// one byte beyond is read. `name` is for the error.
std::optional<std::string> read_bounded(int fd, uint64_t max_bytes, const std::string& name);

// The whole regular file; nullopt when it does not exist. Throws Errc::corrupt when it is larger.
std::optional<std::string> read_file(const std::string& path, uint64_t max_bytes);

// Replaces the file: temporary name, fsync, rename, fsync of the folder. It gets `mode` and the
// folder's group. Throws Errc::unavailable when the disk is full, else denied or failed.
void write_durably(const std::string& path, std::string_view content, unsigned mode);

// The same, unless the file has this content already; whether it was written.
bool write_if_changed(const std::string& path, std::string_view content, unsigned mode);

// Renames an unreadable state file to PATH.corrupt-TIME, so that work can go on; its new name.
std::string move_aside(const std::string& path);

// An advisory lock on a file, which is made when missing; held until destroyed.
class Lock {
 public:
  static Lock wait(const std::string& path, unsigned mode);
  // nullopt when somebody else holds it.
  static std::optional<Lock> attempt(const std::string& path, unsigned mode);
  // Whether somebody holds it now. A file that does not exist is not held.
  static bool is_held(const std::string& path);

 private:
  explicit Lock(Fd fd) noexcept : fd_(std::move(fd)) {}
  Fd fd_;
};

}  // namespace support
