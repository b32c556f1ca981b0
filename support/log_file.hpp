// Appends lines to log files in the format of Python's logging, which log shippers expect, with
// secrets masked and a size limit.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <jetpack/abi.h>
#include "support/times.hpp"

namespace jetpack::support {

// "2024-10-04 13:03:40,298 INFO     message" and a line end: local time, a JP_LEVEL_x, secrets
// masked. Further lines of the message are indented, other control characters become \xNN, and the
// message is truncated to 64 KiB.
std::string log_line(SystemTime time, uint32_t level, std::string_view message);

// Any number of threads and processes may write. Never fails: a line that cannot be written is
// dropped. A file that has reached `max_bytes` is renamed to PATH.1, replacing the previous one.
class LogFile {
 public:
  explicit LogFile(std::string path, uint64_t max_bytes = 8 << 20)
      : path_(std::move(path)), max_bytes_(max_bytes) {}

  void info(std::string_view message) const noexcept { write(JP_LEVEL_INFO, message); }
  void warning(std::string_view message) const noexcept { write(JP_LEVEL_WARNING, message); }
  void error(std::string_view message) const noexcept { write(JP_LEVEL_ERROR, message); }
  void write(uint32_t level, std::string_view message) const noexcept;
  // Appends the result of log_line, atomically.
  void write_lines(std::string_view lines) const noexcept;

 private:
  std::string path_;
  uint64_t max_bytes_;
};

}  // namespace jetpack::support
