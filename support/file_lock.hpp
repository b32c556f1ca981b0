// Advisory locks between processes.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "support/files.hpp"

namespace jetpack::support {

// Holds an exclusive lock on a file until destroyed. A missing file is created; it gets `mode`
// regardless of the umask, so that members of the directory's group can lock it too. What is not a
// regular file is refused: those members can put anything in its place.
class FileLock {
 public:
  static constexpr std::chrono::milliseconds patience{5000};

  // Waits for the lock; throws Errc::failed that names the holder when another process still
  // has it after `longest`.
  static FileLock wait(const std::string& path, unsigned mode,
                       std::chrono::milliseconds longest = patience);
  // The same for a lock that is held together with others. The file must exist.
  static FileLock wait_shared(const std::string& path,
                              std::chrono::milliseconds longest = patience);
  // nullopt when another process still holds the lock after `longest`.
  static std::optional<FileLock> attempt(const std::string& path, unsigned mode,
                                         std::chrono::milliseconds longest = {});
  // Whether a process holds the lock now. A missing file is not locked.
  static bool is_held(const std::string& path);
  // Who has the lock: "pid 12 (jetpackd)", or "another process" where that is not known.
  static std::string holder(const std::string& path);

  // Replaces the file's content with a note on the holder, for error messages.
  void note(std::string_view text) const;

 private:
  explicit FileLock(Fd fd) noexcept : fd_(std::move(fd)) {}
  Fd fd_;
};

}  // namespace jetpack::support
