// The table of all settings of jetpack: key, type, default, bounds and help. All settings are read
// through it; `jetpack help settings` and docs/settings.md are generated from it.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <jetpack/config.hpp>
#include "support/ini.hpp"

namespace jetpack::support {

struct Setting {
  enum class Type { text, number, flag, choice };

  // A dotted key of the node's configuration, or "[section] key" of config/jetpack.ini.
  std::string_view key;
  Type type = Type::text;
  std::string_view fallback = {};  // the value when unset or invalid; "": none
  int64_t least = 0;               // number: bounds
  int64_t most = 0;
  std::string_view help = {};
  std::string_view choices = {};  // choice: separated by blanks

  // "a whole number from 1 to 64"; "" for a text.
  std::string expected() const;
  // Whether `value` is valid for this setting.
  bool accepts(std::string_view value) const;
};

// In the order in which they are documented.
std::span<const Setting> settings();

// The setting with this key, which must be in the table.
const Setting& setting(std::string_view key);

// The text of a dotted key, for the functions below; none on a new node, which has no configuration
// yet. Throws as Config::get where a file is damaged.
std::optional<std::string> configured_setting(const Config& config, std::string_view key);

// Called with a warning about an invalid value, once for each read.
using SettingWarning = std::function<void(const std::string& text)>;

// Converts the configured `text` of a setting; returns the default when there is none, and the
// default after a warning when it is invalid.
int64_t number_setting(std::string_view key, const std::optional<std::string>& text,
                       const SettingWarning& warn);
bool flag_setting(std::string_view key, const std::optional<std::string>& text,
                  const SettingWarning& warn);
std::string choice_setting(std::string_view key, const std::optional<std::string>& text,
                           const SettingWarning& warn);
// A text is always valid.
std::string text_setting(std::string_view key, const std::optional<std::string>& text);

// The problems with the settings of a node, in config/jetpack.ini and below cyclecloud.jetpack:
// invalid values, and unknown keys that look like ours. An unreadable configuration has none.
std::vector<std::string> setting_problems(const Config& config);

// The same for given texts; `configured` is the JSON of cyclecloud.jetpack.
std::vector<std::string> setting_problems(const Ini& ini, std::string_view configured);

}  // namespace jetpack::support
