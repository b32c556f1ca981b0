// What the plugins of this node offer besides commands.
#pragma once

#include <vector>

#include "cli/command_line.hpp"
#include "loader/offers.hpp"
#include "loader/registry.hpp"
#include "support/json_writer.hpp"

namespace jetpack::commands {

struct PluginOffers {
  const Plugin* plugin;
  Offers offers;
};

// Of all plugins that can be used and offer something. A faulty declaration is reported on stderr.
std::vector<PluginOffers> all_offers(Registry& registry);

void write_setting(support::JsonWriter& json, const SettingNote& setting);

// `jetpack plugin list --offers`.
int plugin_offers(const Values& values, Registry& registry);

}  // namespace jetpack::commands
