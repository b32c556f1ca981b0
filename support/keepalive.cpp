// run/keepalive.json: until when this node asked not to be terminated.
#include "support/keepalive.hpp"

#include <algorithm>
#include <ctime>

#include <jetpack/error.hpp>
#include "support/files.hpp"
#include "support/json.hpp"
#include "support/json_writer.hpp"
#include "support/program.hpp"

namespace jetpack::support {

namespace {

using std::chrono::milliseconds;

constexpr uint64_t max_keepalive_file = 64 << 10;
// The difference between clocks that still counts as none.
constexpr milliseconds clock_tolerance{2000};
// No machine runs longer than a thousand years: larger numbers are invalid.
constexpr uint64_t max_boottime_ms = 1000ULL * 366 * 24 * 3600 * 1000;

[[noreturn]] void fail_on_member(const std::string& name, const std::string& what) {
  throw Error(Errc::corrupt, name + ": " + what + " is missing or invalid");
}

SystemTime time_member(const rapidjson::Value& json, const char* member, const std::string& name) {
  const auto time = parse_iso_8601(text_or(json, member, ""));
  if (!time) fail_on_member(name, member);
  return *time;
}

milliseconds span_member(const rapidjson::Value& json, const char* member, uint64_t most,
                         const std::string& name) {
  const uint64_t ms = number_or(json, member, most + 1);
  if (ms > most) fail_on_member(name, member);
  return milliseconds{ms};
}

}  // namespace

Clocks Clocks::now() {
  timespec since_boot{};
  ::clock_gettime(CLOCK_BOOTTIME, &since_boot);
  return {boot_id(), milliseconds{int64_t{since_boot.tv_sec} * 1000 + since_boot.tv_nsec / 1000000},
          std::chrono::system_clock::now()};
}

Keepalive Keepalive::starting(milliseconds length, const Clocks& now) {
  Keepalive keepalive;
  keepalive.requested = now.wall;
  keepalive.boot = now.boot;
  keepalive.is_forever = length == forever;
  if (keepalive.is_forever) return keepalive;
  keepalive.length = std::min(length, longest);
  keepalive.until = SystemTime(now.wall + keepalive.length);
  keepalive.boottime = now.since_boot + keepalive.length;
  return keepalive;
}

Keepalive Keepalive::parse(std::string_view json, const std::string& name) {
  const auto document = parse_json(json, name);
  if (!document.IsObject()) throw Error(Errc::corrupt, name + " is not a JSON object");
  Keepalive keepalive;
  keepalive.requested = time_member(document, "requested", name);
  keepalive.is_forever = text_or(document, "until", "") == "forever";
  if (keepalive.is_forever) return keepalive;
  keepalive.until = time_member(document, "until", name);
  keepalive.boot = text_or(document, "boot", "");
  keepalive.boottime = span_member(document, "boottime_ms", max_boottime_ms, name);
  keepalive.length =
      span_member(document, "length_ms", static_cast<uint64_t>(longest.count()), name);
  return keepalive;
}

std::string Keepalive::json() const {
  return json_object([&](Object& object) {
    object.text("until", is_forever ? "forever" : iso_8601(until))
        .text("requested", iso_8601(requested));
    if (is_forever) return;
    object.text("boot", boot)
        .number("boottime_ms", boottime.count())
        .number("length_ms", length.count());
  });
}

milliseconds Keepalive::time_left(const Clocks& now) const {
  if (is_forever) return forever;
  const bool is_same_boot = !boot.empty() && boot == now.boot;
  const milliseconds left = is_same_boot
                                ? std::min(boottime - now.since_boot, length)
                                : std::min(milliseconds{until - now.wall}, length - now.since_boot);
  return std::max(left, milliseconds{0});
}

std::string Keepalive::end(const Clocks& now) const {
  if (is_forever) return "forever";
  const milliseconds left = time_left(now);
  const SystemTime by_now(now.wall + left);
  const bool is_as_requested =
      left.count() == 0 || std::chrono::abs(by_now - until) < clock_tolerance;
  return iso_8601_seconds(is_as_requested ? until : by_now);
}

std::optional<Keepalive> read_keepalive(const std::string& run_directory) {
  const std::string path = keepalive_file(run_directory);
  const auto text = read_file(path, max_keepalive_file, Sharing::shared);
  if (!text) return std::nullopt;
  return Keepalive::parse(*text, path);
}

}  // namespace jetpack::support
