#include "support/shown_time.hpp"

#include <array>
#include <chrono>
#include <ctime>

namespace jetpack::support {

namespace {

std::string relative(SystemTime time, SystemTime now) {
  using std::chrono::seconds;
  const auto age = std::chrono::round<seconds>(now - time);
  if (age == seconds{0}) return "now";
  return age < seconds{0} ? "in " + short_duration(-age) : short_duration(age) + " ago";
}

std::string with_zone(SystemTime time, bool is_utc) {
  const auto since = std::chrono::floor<std::chrono::seconds>(time).time_since_epoch();
  const std::time_t seconds = since.count();
  std::tm parts{};
  if (is_utc) {
    ::gmtime_r(&seconds, &parts);
  } else {
    ::localtime_r(&seconds, &parts);
  }
  std::array<char, 80> text{};
  const char* const pattern = is_utc ? "%Y-%m-%d %H:%M:%S UTC" : "%Y-%m-%d %H:%M:%S %Z";
  return {text.data(), std::strftime(text.data(), text.size(), pattern, &parts)};
}

}  // namespace

ShownTimes::ShownTimes(const Call& call)
    : ShownTimes(call.declares("time") ? *call.text("time") : "local",
                 std::chrono::system_clock::now()) {}

std::string ShownTimes::operator()(std::string_view iso) const {
  const auto time = parse_iso_8601(iso);
  if (!time) return std::string(iso);
  return style_ == "relative" ? relative(*time, now_) : with_zone(*time, style_ == "utc");
}

}  // namespace jetpack::support
