// A log below logs/ that others tail: lines as Python's logging writes them, bounded in size.
#include "support/log_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>

#include "support/files.hpp"
#include "support/json.hpp"
#include "support/times.hpp"

namespace support {

namespace {

constexpr off_t max_log_bytes = 8 << 20;
constexpr size_t max_log_line = 16 << 10;
constexpr unsigned log_mode = 0660;

const char* padded_name(jp_level level) {
  if (level >= JP_LEVEL_ERROR) return "ERROR   ";
  return level >= JP_LEVEL_WARNING ? "WARNING " : "INFO    ";
}

Fd open_log(const std::string& path) {
  constexpr int flags = O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;
  return Fd(::open(path.c_str(), flags, log_mode));
}

}  // namespace

void LogFile::write(jp_level level, std::string_view message) {
  const std::lock_guard guard(mutex_);
  Fd fd = open_log(path_);
  struct stat info {};
  if (!fd || ::fstat(fd.get(), &info) != 0 || !S_ISREG(info.st_mode)) return;
  if (info.st_size >= max_log_bytes && ::rename(path_.c_str(), (path_ + ".1").c_str()) == 0) {
    fd = open_log(path_);
    if (!fd) return;
  }
  if (info.st_uid == ::geteuid()) ::fchmod(fd.get(), log_mode);
  const std::string line = log_time(std::chrono::system_clock::now()) + ' ' + padded_name(level) +
                           ' ' + one_line(message.substr(0, max_log_line)) + '\n';
  write_all(fd.get(), line);
}

}  // namespace support
