// The hub's log file, in the line format of the agent's logs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <mutex>
#include <string>
#include <string_view>

namespace jetpack::hub {

// Appends lines "2024-10-04 13:03:40,298 INFO     text", local time. At max_bytes the file moves to
// NAME.1, over the one before it. May be called from any thread. Never throws: a log that cannot
// be written must not stop the work that it tells of.
class ApplicationLog {
 public:
  static constexpr uint64_t max_bytes = 16 << 20;

  explicit ApplicationLog(std::filesystem::path file) : file_(std::move(file)) {}

  // `level`: "info", "warn" or "error". Control characters are escaped: a message is one line.
  void write(std::string_view level, std::string_view text) noexcept;

  // Appends lines that format_log_line made.
  void write_lines(const std::string& lines) noexcept;

 private:
  void append(const std::string& line);

  std::filesystem::path file_;
  std::mutex mutex_;
};

// One line, with its end. `unix_ms` is when.
std::string format_log_line(int64_t unix_ms, std::string_view level, std::string_view text);

}  // namespace jetpack::hub
