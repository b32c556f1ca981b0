// The areas that are examined, a function each.
#pragma once

#include <chrono>
#include <string_view>

#include <jetpack/plugin.hpp>
#include "doctor/report.hpp"

namespace jetpack::doctor {

// The longest that one attempt to reach something takes.
inline constexpr std::chrono::milliseconds connection_time{3000};
// How long an area may take in all.
inline constexpr std::chrono::milliseconds area_time{4000};
inline constexpr std::chrono::milliseconds area_time_to_fix{60000};
// Between SIGTERM and SIGKILL of what has not ended in time.
inline constexpr std::chrono::milliseconds kill_time{100};

struct Area {
  std::string_view name;
  void (*examine)(const Call& call, Report& report);
  // Pointless when the configuration cannot be used.
  bool needs_configuration = false;
};

void examine_configuration(const Call& call, Report& report);
void examine_server(const Call& call, Report& report);
void examine_broker(const Call& call, Report& report);
void examine_locker(const Call& call, Report& report);
void examine_tree(const Call& call, Report& report);
void examine_disk(const Call& call, Report& report);
void examine_outbox(const Call& call, Report& report);
void examine_daemons(const Call& call, Report& report);
void examine_units(const Call& call, Report& report);
void examine_plugins(const Call& call, Report& report);
void examine_leftovers(const Call& call, Report& report);

// Whether systemd manages this machine.
bool has_systemd();
// Runs systemctl; its standard output. Throws Error with what it says.
std::string systemctl(const Call& call, std::vector<std::string> arguments,
                      std::chrono::milliseconds time = std::chrono::milliseconds{1500});
// Restarts a unit.
Fix restart_of(const Call& call, const std::string& unit);

}  // namespace jetpack::doctor
