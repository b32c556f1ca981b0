// The settings of scheduled events, read again when the configuration's files change.
#include "jetpackd/event_settings.hpp"

#include <sys/stat.h>

#include <jetpack/error.hpp>
#include "support/settings.hpp"

namespace jetpack::jetpackd {

EventSettings::EventSettings(const jetpack::Config& config, support::LogFile& log)
    : config_(config), log_(log) {}

void EventSettings::refresh() {
  std::array<Stamp, 3> stamps{};
  const std::array names{"config/node.json", "config/local.json", "config/configuration.json"};
  for (size_t i = 0; i < names.size(); ++i) {
    struct stat info {};
    if (::stat(config_.path(names.at(i)).c_str(), &info) == 0)
      stamps.at(i) = {info.st_ino, info.st_size, info.st_mtim.tv_sec, info.st_mtim.tv_nsec};
  }
  if (is_read_ && stamps == stamps_) return;
  is_read_ = true;
  stamps_ = stamps;
  try {
    read();
  } catch (const jetpack::Error&) {
    // The worker reports what is wrong with a file. What was turned off stays off.
  }
}

void EventSettings::read() {
  const auto warn = [this](const std::string& text) { log_.warning(text); };
  constexpr const char* key = "cyclecloud.monitor_scheduled_events";
  constexpr const char* alias = "cyclecloud.monitor_spot_eviction";
  const auto text = support::configured_setting(config_, key);
  is_enabled =
      text ? support::flag_setting(key, text, warn)
           : support::flag_setting(alias, support::configured_setting(config_, alias), warn);
  interval = std::chrono::seconds(number("cyclecloud.jetpack.events_interval"));
  margin = std::chrono::seconds(number("cyclecloud.jetpack.events_margin"));
}

int64_t EventSettings::number(const char* key) const {
  return support::number_setting(key, support::configured_setting(config_, key),
                                 [this](const std::string& text) { log_.warning(text); });
}

}  // namespace jetpack::jetpackd
