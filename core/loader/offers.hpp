// What a plugin offers besides commands, as its note declares it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace jetpack {

// A health check, which healthcheck runs, or a timer, which jetpackd runs.
struct OfferNote {
  std::string name;
  std::string summary;
  int64_t interval_ms = 0;  // from the start of one run to the start of the next
  int64_t deadline_ms = 0;  // for one run; 0: the default of the daemon that runs it
};

// Something to be run by jetpackd when an event happens.
struct HookNote {
  std::string event;
  int64_t deadline_ms = 0;
};

// A key of the node's configuration that the plugin reads.
struct SettingNote {
  std::string key;
  std::string type;  // text, flag, integer, duration
  std::optional<std::string> fallback;
  std::optional<int64_t> min, max;
  std::string help;
};

struct Offers {
  std::vector<OfferNote> checks, timers;
  std::vector<HookNote> hooks;
  std::vector<SettingNote> settings;

  bool is_empty() const {
    return checks.empty() && timers.empty() && hooks.empty() && settings.empty();
  }
  // Whether it has "check NAME", "timer NAME" or "hook EVENT".
  bool has(std::string_view kind, std::string_view name) const;
};

// Throws Refusal when the declaration in the text of a note is faulty.
Offers read_offers(std::string_view note);

}  // namespace jetpack
