// Advisory locks between processes.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "support/files.hpp"

namespace jetpack::support {

// Holds an exclusive lock on a file, which is created when missing, until destroyed. The file gets
// `mode` whatever the umask, so that members of the directory's group can lock it too.
class FileLock {
 public:
  // Waits for the lock.
  static FileLock wait(const std::string& path, unsigned mode);
  // nullopt when another process holds it for all of `longest`.
  static std::optional<FileLock> attempt(const std::string& path, unsigned mode,
                                         std::chrono::milliseconds longest = {});
  // Whether somebody holds it now. A file that does not exist is not held.
  static bool is_held(const std::string& path);

  // Replaces the file's content: who holds it, for people and for error messages.
  void note(std::string_view text) const;

 private:
  explicit FileLock(Fd fd) noexcept : fd_(std::move(fd)) {}
  Fd fd_;
};

}  // namespace jetpack::support
