// Files that exist whole or not at all, and locks between processes.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace jetpack::hub {

// An open file descriptor.
class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int fd) noexcept : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept;
  Descriptor& operator=(Descriptor&& other) noexcept;
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor();

  int get() const noexcept { return fd_; }
  explicit operator bool() const noexcept { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

// The file's content, or nullopt when there is no such file. Throws when it cannot be read or is
// larger than `max_bytes`.
std::optional<std::string> read_file(const std::filesystem::path& path, size_t max_bytes);

// Replaces the file durably: after the return it survives a power cut, and at no moment does
// anybody see a part of it. It gets the group of its folder where that is allowed.
void write_file(const std::filesystem::path& path, std::string_view content, mode_t mode);

// Makes the folder, and those above it, unless it is there; what is made gets `mode`.
void make_folder(const std::filesystem::path& path, mode_t mode);

// Holds an exclusive lock on a file, made if need be, while the object lives.
class FileLock {
 public:
  // Waits until the lock is free.
  static FileLock wait(const std::filesystem::path& path);
  // nullopt when another process holds it all this time.
  static std::optional<FileLock> attempt(const std::filesystem::path& path,
                                         std::chrono::milliseconds longest = {});

  // Replaces the file's content: who holds it, for people and for error messages.
  void note(std::string_view text) const;

 private:
  explicit FileLock(Descriptor file) noexcept : file_(std::move(file)) {}
  Descriptor file_;
};

}  // namespace jetpack::hub
