// Where everything is logged: files in the format of Python's logging, which log shippers expect,
// with a size limit, and systemd's journal. Secrets are masked here.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include <jetpack/abi.h>
#include <jetpack/config.hpp>
#include "support/journal.hpp"

namespace jetpack::support {

struct LogEntry {
  uint32_t level;  // a JP_LEVEL_x
  std::string message;
  LogOrigin origin;  // of the entry in the journal
};

// A file's lines are "2024-10-04 13:03:40,298 INFO     message", in local time. Further lines of the
// message are indented, other control characters become \xNN, and the message is truncated to
// 64 KiB.
//
// Any number of threads and processes may write. Never fails: a line that cannot be written is
// dropped. A file that has reached `max_bytes` is renamed to PATH.1, replacing the previous one.
class LogFile {
 public:
  using Origin = std::function<LogOrigin()>;
  static constexpr uint64_t default_max_bytes = 8 << 20;

  // Without an origin, nothing goes to the journal. It may be asked by any thread.
  explicit LogFile(std::string path, uint64_t max_bytes = default_max_bytes,
                   Origin origin = nullptr)
      : path_(std::move(path)), max_bytes_(max_bytes), origin_(std::move(origin)) {}

  void info(std::string_view message) const noexcept { write(JP_LEVEL_INFO, message); }
  void warning(std::string_view message) const noexcept { write(JP_LEVEL_WARNING, message); }
  void error(std::string_view message) const noexcept { write(JP_LEVEL_ERROR, message); }
  void write(uint32_t level, std::string_view message) const noexcept;
  // All of them at once, so that no other line is between them.
  void write(const std::vector<LogEntry>& entries) const noexcept;

 private:
  void append(std::string_view lines) const noexcept;

  std::string path_;
  uint64_t max_bytes_;
  Origin origin_;
};

// Who this node is, by its configuration; of what cannot be read, nothing.
LogOrigin origin_of_node(const Config& config, std::string verb);

// logs/NAME.log of the node, written by `verb`.
LogFile node_log(const Config& config, const std::string& name, std::string verb);

}  // namespace jetpack::support
