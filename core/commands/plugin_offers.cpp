// `jetpack plugin list --offers`: what plugins offer besides commands; and their settings for help.
#include "commands/plugin_offers.hpp"

#include <algorithm>
#include <chrono>

#include "cli/answer.hpp"
#include "cli/report.hpp"
#include "loader/refusal.hpp"
#include "support/text.hpp"
#include "support/times.hpp"

namespace jetpack::commands {

namespace {

void write_timed(support::JsonWriter& json, const OfferNote& offer) {
  support::Object(json)
      .text("name", offer.name)
      .text("summary", offer.summary)
      .number("interval", offer.interval_ms)
      .number("deadline", offer.deadline_ms);
}

void write_hook(support::JsonWriter& json, const HookNote& hook) {
  support::Object(json).text("event", hook.event).number("deadline", hook.deadline_ms);
}

std::string offers_json(const std::vector<PluginOffers>& all) {
  return support::shown_json(
      support::json_array(all, [](support::JsonWriter& json, const PluginOffers& one) {
        support::Object(json)
            .text("id", one.plugin->note->id())
            .text("version", one.plugin->note->version())
            .text("path", one.plugin->path)
            .list("checks", one.offers.checks, write_timed)
            .list("timers", one.offers.timers, write_timed)
            .list("hooks", one.offers.hooks, write_hook)
            .list("settings", one.offers.settings, write_setting);
      }));
}

std::string every(int64_t ms) {
  return ms % 1000 == 0 ? support::short_duration(std::chrono::seconds(ms / 1000))
                        : std::to_string(ms) + "ms";
}

std::string offers_text(const std::vector<PluginOffers>& all) {
  std::string text;
  for (const auto& [plugin, offers] : all) {
    text += plugin->note->id() + ' ' + plugin->note->version() + '\n';
    for (const auto& [kind, list] : {std::pair("check", &offers.checks), {"timer", &offers.timers}})
      for (const auto& offer : *list)
        text += std::string("    ") + kind + ' ' + offer.name + " (every " +
                every(offer.interval_ms) + "): " + offer.summary + '\n';
    for (const auto& hook : offers.hooks) text += "    hook " + hook.event + '\n';
    for (const auto& setting : offers.settings)
      text += "    setting " + setting.key + ": " + setting.help + '\n';
  }
  return text;
}

}  // namespace

void write_setting(support::JsonWriter& json, const SettingNote& setting) {
  support::Object object(json);
  object.text("key", setting.key).text("type", setting.type);
  if (setting.fallback) object.text("default", *setting.fallback);
  if (setting.min) object.number("min", *setting.min);
  if (setting.max) object.number("max", *setting.max);
  object.text("help", setting.help);
}

std::vector<PluginOffers> all_offers(Registry& registry) {
  std::vector<PluginOffers> all;
  for (const auto& plugin : registry.all()) {
    if (!plugin.refusal.empty() || !plugin.note->has_offers()) continue;
    const bool is_known = std::any_of(all.begin(), all.end(), [&](const PluginOffers& other) {
      return other.plugin->note->id() == plugin.note->id();
    });
    // As 'plugin offer', which runs them, finds them.
    if (is_known) continue;
    try {
      PluginOffers one{&plugin, read_offers(plugin.note->text())};
      if (!one.offers.is_empty()) all.push_back(std::move(one));
    } catch (const Refusal& refusal) {
      tell("jetpack: plugin " + plugin.path + ": " + refusal.what());
    }
  }
  return all;
}

int plugin_offers(const Values& values, Registry& registry) {
  const auto all = all_offers(registry);
  return answer(values.flag("json") ? offers_json(all) : offers_text(all));
}

}  // namespace jetpack::commands
