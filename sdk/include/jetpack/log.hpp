// jetpack/log.hpp: the agent's own log, logs/jetpack.log. Never fails; secrets are masked.
#pragma once

#include <jetpack/error.hpp>

#include <string_view>

namespace jetpack {

class Log {
 public:
  static constexpr std::string_view id = JP_LOG;
  using Table = jp_log;

  explicit Log(const Table& table) noexcept : table_(&table) {}

  void debug(std::string_view message) const { write(JP_LEVEL_DEBUG, message); }
  void info(std::string_view message) const { write(JP_LEVEL_INFO, message); }
  void warning(std::string_view message) const { write(JP_LEVEL_WARNING, message); }
  void error(std::string_view message) const { write(JP_LEVEL_ERROR, message); }

 private:
  void write(uint32_t level, std::string_view message) const {
    table_->write(table_->self, level, detail::borrow(message));
  }

  const Table* table_;
};

}  // namespace jetpack
