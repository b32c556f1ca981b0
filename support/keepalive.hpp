// run/keepalive.json: until when this node asked not to be terminated. `jetpack keepalive` writes it,
// the health checks read it.
//
// {"until": "2026-11-28T18:00:00.000Z",  or "forever"
//  "requested": "2026-11-28T17:00:00.000Z",
//  "boot": "...",           the boot id when it was requested
//  "boottime_ms": 7200000,  CLOCK_BOOTTIME at its end, in that boot
//  "length_ms": 3600000}    from the request to its end
//
// In the boot of the request only boottime_ms counts, so that setting the clock changes nothing.
// After a reboot `until` counts by the wall clock, but no longer than length_ms from that boot on:
// where the clock was set back it does not last for years.
//
// Members of the group of run/ may keep the node alive, so what they write there decides no more
// than `jetpack keepalive` does.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "support/times.hpp"

namespace jetpack::support {

// The clocks at one moment.
struct Clocks {
  std::string boot;                         // see boot_id; empty when it is not known
  std::chrono::milliseconds since_boot{0};  // CLOCK_BOOTTIME
  SystemTime wall;

  static Clocks now();
};

struct Keepalive {
  static constexpr std::chrono::milliseconds forever = std::chrono::milliseconds::max();
  static constexpr std::chrono::milliseconds longest = std::chrono::hours{24 * 366};

  // One that begins now and lasts for `length`, at most `longest`, or `forever`.
  static Keepalive starting(std::chrono::milliseconds length, const Clocks& now = Clocks::now());
  // Throws Errc::corrupt, with `name`.
  static Keepalive parse(std::string_view json, const std::string& name);
  std::string json() const;

  // How long it still lasts: `forever`, or zero when it is over.
  std::chrono::milliseconds time_left(const Clocks& now = Clocks::now()) const;
  bool is_in_force(const Clocks& now = Clocks::now()) const { return time_left(now).count() > 0; }

  // Its end as an ISO 8601 time, or "forever". The time is that by the current clock, where the
  // clock was set since the request.
  std::string end(const Clocks& now = Clocks::now()) const;

  bool is_forever = false;
  SystemTime until;  // of the wall clock at the request
  SystemTime requested;
  std::string boot;
  std::chrono::milliseconds boottime{0};
  std::chrono::milliseconds length{0};
};

inline std::string keepalive_file(const std::string& run_directory) {
  return run_directory + "/keepalive.json";
}

// What was requested last, in force or not; nullopt when nothing was, or it was canceled. Throws
// Errc::corrupt for an invalid file or one that may be a trap (see Sharing::shared): the caller
// reports it, and may use move_aside.
std::optional<Keepalive> read_keepalive(const std::string& run_directory);

}  // namespace jetpack::support
