// A log below logs/ that others tail: lines as Python's logging writes them, bounded in size.
#pragma once

#include <jetpack/abi.h>

#include <mutex>
#include <string>
#include <string_view>

namespace support {

// At most 8 MiB, and one file before it, PATH.1. Any thread may write; never fails: what cannot be
// written is dropped.
class LogFile {
 public:
  explicit LogFile(std::string path) : path_(std::move(path)) {}

  void info(std::string_view message) { write(JP_LEVEL_INFO, message); }
  void warning(std::string_view message) { write(JP_LEVEL_WARNING, message); }
  void error(std::string_view message) { write(JP_LEVEL_ERROR, message); }

 private:
  void write(jp_level level, std::string_view message);

  std::mutex mutex_;
  std::string path_;
};

}  // namespace support
