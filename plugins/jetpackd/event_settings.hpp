// The settings of scheduled events, read again when the configuration's files change.
#pragma once

#include <jetpack/config.hpp>

#include <sys/types.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <string>
#include <tuple>

#include "support/log_file.hpp"

namespace jetpack::jetpackd {

class EventSettings {
 public:
  EventSettings(const jetpack::Config& config, support::LogFile& log);

  void refresh();

  bool is_enabled = true;
  std::chrono::milliseconds interval{1000};
  std::chrono::milliseconds margin{3000};  // between a script's end and the cloud's

 private:
  using Stamp = std::tuple<ino_t, off_t, int64_t, int64_t>;

  void read();
  int64_t number(const char* key) const;

  const jetpack::Config& config_;
  support::LogFile& log_;
  std::array<Stamp, 3> stamps_{};
  bool is_read_ = false;
};

}  // namespace jetpack::jetpackd
