// What the plugins of this node offer besides commands: checks, timers, hooks and settings. The host is
// asked in a process of its own, so that no daemon reads or loads plugins.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <jetpack/config.hpp>
#include <jetpack/process.hpp>

namespace jetpack::support {

// A check, a timer, or a hook, whose name is the event.
struct Offer {
  std::string kind;    // "check", "timer", "hook"
  std::string plugin;  // the id
  std::string name;
  std::string summary;
  std::chrono::milliseconds interval{0};  // of a hook: none
  std::chrono::milliseconds deadline{0};  // 0: none is declared

  // The command line that runs it: `jetpack plugin offer ...`.
  std::vector<std::string> argv() const;

  bool operator==(const Offer&) const = default;
};

// A setting that a plugin reads.
struct OfferedSetting {
  std::string plugin;
  std::string key;
  std::string type;  // "text", "flag", "integer", "duration"
  std::optional<std::string> fallback;
  std::optional<int64_t> min, max;
  std::string help;

  // What its values are, for people; "" for a text.
  std::string expected() const;
  bool accepts(std::string_view value) const;
};

struct PluginOffers {
  std::vector<Offer> offers;
  std::vector<OfferedSetting> settings;
};

// Reads what `jetpack plugin list --offers --json` prints. Throws Errc::corrupt.
PluginOffers parse_plugin_offers(std::string_view json);

// How that is asked for, with this home. Its standard output is what parse_plugin_offers reads.
ProcessSpec plugin_offers_command(const std::string& home);

// Asks and waits. Throws Errc::failed with what the host said.
PluginOffers read_plugin_offers(const Process& process, const std::string& home);

// What is wrong with the values that this node's configuration has for the settings of plugins.
std::vector<std::string> plugin_setting_problems(const Config& config, const PluginOffers& offers);

}  // namespace jetpack::support
