// jetpack.log/1: logs/jetpack.log, which callers and log shippers know by name and form.
#pragma once

#include <string>

#include <jetpack/abi.h>
#include "support/log_file.hpp"

namespace jetpack {

class AgentLog {
 public:
  // At this size the file becomes jetpack.log.1, and a new one begins.
  static constexpr uint64_t max_bytes = 10 << 20;

  AgentLog(std::string path, support::LogFile::Origin origin);
  AgentLog(const AgentLog&) = delete;  // the table points here
  AgentLog& operator=(const AgentLog&) = delete;

  const jp_log& table() const { return table_; }
  // What stands before each message from now on: "com.example.gpu: ".
  void begin_lines_with(std::string text) { start_ = std::move(text); }

 private:
  support::LogFile file_;
  std::string start_;
  jp_log table_;
};

}  // namespace jetpack
