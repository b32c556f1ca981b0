// jetpack.log/1: logs/jetpack.log, which callers and log shippers know by name and form.
#pragma once

#include <string>
#include <string_view>

#include <jetpack/abi.h>

namespace jetpack {

// Appends lines as Python's logging does: "2024-10-04 13:03:40,298 INFO     message". Secrets are
// masked, line breaks indented. At `max_bytes` the file becomes jetpack.log.1, and a new one
// begins.
class AgentLog {
 public:
  static constexpr uint64_t max_bytes = 10 << 20;

  explicit AgentLog(std::string path);
  AgentLog(const AgentLog&) = delete;  // the table points here
  AgentLog& operator=(const AgentLog&) = delete;

  // Never fails: what cannot be written is dropped.
  void write(uint32_t level, std::string_view message) const noexcept;

  const jp_log& table() const { return table_; }

 private:
  void append(uint32_t level, std::string_view message) const;

  std::string path_;
  jp_log table_;
};

}  // namespace jetpack
