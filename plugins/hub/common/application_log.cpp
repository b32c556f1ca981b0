// The hub's log file, in the line format of the agent's logs.
#include "common/application_log.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <ctime>

#include "common/files.hpp"
#include "common/text.hpp"

namespace jetpack::hub {

namespace {

std::string_view level_name(std::string_view level) {
  if (level == "error") return "ERROR   ";
  if (level == "warn") return "WARNING ";
  return "INFO    ";
}

}  // namespace

std::string format_log_line(int64_t unix_ms, std::string_view level, std::string_view text) {
  const std::time_t seconds = unix_ms / 1000;
  std::tm parts{};
  localtime_r(&seconds, &parts);
  std::array<char, 40> date{};
  const size_t size = std::strftime(date.data(), date.size(), "%Y-%m-%d %H:%M:%S", &parts);
  std::array<char, 16> fraction{};
  std::snprintf(fraction.data(), fraction.size(), ",%03d ", static_cast<int>(unix_ms % 1000));
  std::string line(date.data(), size);
  line += fraction.data();
  line += level_name(level);
  line += ' ';
  line += one_line(text);
  line += '\n';
  return line;
}

void ApplicationLog::write(std::string_view level, std::string_view text) noexcept {
  try {
    append(format_log_line(now_ms(), level, text));
  } catch (...) {
    // The contract: what cannot be written is dropped.
    return;
  }
}

void ApplicationLog::write_lines(const std::string& lines) noexcept {
  try {
    append(lines);
  } catch (...) {
    return;
  }
}

void ApplicationLog::append(const std::string& line) {
  const std::lock_guard lock(mutex_);
  struct stat status {};
  if (::stat(file_.c_str(), &status) == 0 &&
      static_cast<uint64_t>(status.st_size) + line.size() > max_bytes)
    std::filesystem::rename(file_, file_.string() + ".1");
  const Descriptor file(
      ::open(file_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0640));
  // One write, so that a line is there whole or, on a full disk, cut; never mixed with another.
  if (file && ::write(file.get(), line.data(), line.size()) < 0) return;
}

}  // namespace jetpack::hub
