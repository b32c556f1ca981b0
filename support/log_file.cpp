// Appends lines to log files, in the format that log shippers expect.
#include "support/log_file.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support/files.hpp"
#include "support/redact.hpp"
#include "support/text.hpp"
#include "support/utf8.hpp"

namespace jetpack::support {

namespace {

constexpr size_t max_message = 64 << 10;
constexpr mode_t log_mode = 0660;

const char* padded_name(uint32_t level) {
  if (level >= JP_LEVEL_ERROR) return "ERROR   ";
  if (level >= JP_LEVEL_WARNING) return "WARNING ";
  if (level >= JP_LEVEL_INFO) return "INFO    ";
  return "DEBUG   ";
}

std::string one_entry(std::string_view message) {
  std::string text;
  for (const char c : printable(message)) {
    text += c;
    if (c == '\n') text += "    ";
  }
  return text;
}

Fd open_log(const std::string& path) {
  const auto open = [&](int flags) {
    return Fd(::open(path.c_str(),
                     O_WRONLY | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | flags, log_mode));
  };
  if (Fd fd = open(0)) return fd;
  Fd fd = open(O_CREAT | O_EXCL);
  if (!fd) return open(0);  // another process was first
  // Members of the group must be able to write, regardless of the creator's umask.
  ::fchmod(fd.get(), log_mode);
  return fd;
}

// Members of the group could link another file into the directory.
bool is_own(const Fd& fd, struct stat& info) {
  return fd && ::fstat(fd.get(), &info) == 0 && S_ISREG(info.st_mode) && info.st_nlink <= 1;
}

// Renames a full log file, unless another process has just done so. Where that fails, because a
// directory has the name, empties it: the limit holds in any case.
void rotate(const std::string& path, const Fd& fd) {
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) return;
  struct stat opened {
  }, named{};
  if (::fstat(fd.get(), &opened) == 0 && ::stat(path.c_str(), &named) == 0 &&
      opened.st_ino == named.st_ino && opened.st_dev == named.st_dev)
    if (::rename(path.c_str(), (path + ".1").c_str()) != 0 && ::ftruncate(fd.get(), 0) != 0) return;
}

}  // namespace

std::string log_line(SystemTime time, uint32_t level, std::string_view message) {
  return log_time(time) + ' ' + padded_name(level) + ' ' +
         one_entry(redact(beginning_of(message, max_message))) + '\n';
}

void LogFile::write(uint32_t level, std::string_view message) const noexcept {
  try {
    write_lines(log_line(std::chrono::system_clock::now(), level, message));
  } catch (...) {
    // By contract, a failure to log is never an error.
  }
}

void LogFile::write_lines(std::string_view lines) const noexcept {
  try {
    Fd fd = open_log(path_);
    struct stat info {};
    if (!is_own(fd, info)) return;
    if (static_cast<uint64_t>(info.st_size) >= max_bytes_) {
      rotate(path_, fd);
      fd = open_log(path_);
      if (!is_own(fd, info)) return;
    }
    // With O_APPEND each write is atomic: lines of several processes do not mix.
    write_all(fd.get(), lines);
  } catch (...) {
    // As above.
  }
}

}  // namespace jetpack::support
