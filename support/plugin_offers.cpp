// What the plugins of this node offer besides commands: checks, timers, hooks and settings.
#include "support/plugin_offers.hpp"

#include <algorithm>
#include <charconv>

#include <jetpack/error.hpp>
#include <jetpack/offers.hpp>
#include "support/json.hpp"
#include "support/program.hpp"
#include "support/text.hpp"

namespace jetpack::support {

namespace {

using std::chrono::milliseconds;
using Value = rapidjson::Value;

constexpr uint64_t max_output = 4 << 20;
constexpr milliseconds deadline{10'000};

milliseconds ms_of(const Value& value, const char* name) {
  return milliseconds(static_cast<int64_t>(number_or(value, name, 0)));
}

template <class Use>
void for_each(const Value& value, const char* name, Use use) {
  const auto* list = find_member(value, name);
  if (list == nullptr || !list->IsArray()) return;
  for (const auto& element : list->GetArray())
    if (element.IsObject()) use(element);
}

OfferedSetting setting_from(const std::string& plugin, const Value& value) {
  OfferedSetting setting;
  setting.plugin = plugin;
  setting.key = text_or(value, "key", "");
  setting.type = text_or(value, "type", "text");
  setting.help = text_or(value, "help", "");
  if (find_member(value, "default") != nullptr) setting.fallback = text_or(value, "default", "");
  if (const auto* min = find_member(value, "min"); min != nullptr && min->IsInt64())
    setting.min = min->GetInt64();
  if (const auto* max = find_member(value, "max"); max != nullptr && max->IsInt64())
    setting.max = max->GetInt64();
  return setting;
}

}  // namespace

std::vector<std::string> Offer::argv() const {
  return {program_path(), "plugin", "offer", plugin, kind, name};
}

std::string OfferedSetting::expected() const {
  if (type == "flag") return "true or false";
  if (type == "duration") return "a duration such as 90 (seconds), 10m, 6h or 2d";
  if (type != "integer") return "";
  std::string text = "a whole number";
  if (min) text.append(" from ").append(std::to_string(*min));
  if (max) text.append(min ? " to " : " up to ").append(std::to_string(*max));
  return text;
}

bool OfferedSetting::accepts(std::string_view value) const {
  Setting same;
  same.type = type == "flag"       ? JP_FLAG
              : type == "integer"  ? JP_INTEGER
              : type == "duration" ? JP_DURATION
                                   : JP_TEXT;
  same.min = min.value_or(INT64_MIN);
  same.max = max.value_or(INT64_MAX);
  return same.type == JP_TEXT || same.number_in(value).has_value();
}

PluginOffers parse_plugin_offers(std::string_view json) {
  const auto document = parse_json(json, "the list of plugins");
  if (!document.IsArray()) throw Error(Errc::corrupt, "the list of plugins is not a JSON list");
  PluginOffers all;
  for (const auto& plugin : document.GetArray()) {
    const std::string id = text_or(plugin, "id", "");
    for (const auto& [kind, list] :
         {std::pair("check", "checks"), {"timer", "timers"}, {"hook", "hooks"}})
      for_each(plugin, list, [&, kind = kind](const Value& value) {
        const std::string name =
            text_or(value, std::string_view(kind) == "hook" ? "event" : "name", "");
        all.offers.push_back({kind, id, name, text_or(value, "summary", ""),
                              ms_of(value, "interval"), ms_of(value, "deadline")});
      });
    for_each(plugin, "settings",
             [&](const Value& value) { all.settings.push_back(setting_from(id, value)); });
  }
  return all;
}

ProcessSpec plugin_offers_command(const std::string& home) {
  ProcessSpec spec{.argv = {program_path(), "plugin", "list", "--offers", "--json"},
                   .env = {"JETPACK_HOME=" + home},
                   .directory = std::string(1, '/')};
  spec.deadline = deadline;
  spec.capture_bytes = max_output;
  return spec;
}

PluginOffers read_plugin_offers(const Process& process, const std::string& home) {
  const auto result = process.run(plugin_offers_command(home));
  if (result.exit_code == 0) return parse_plugin_offers(result.out);
  std::string problem = "cannot list the plugins: ";
  problem += result.timed_out ? "timed out" : one_line(trimmed(result.err));
  throw Error(Errc::failed, problem);
}

std::vector<std::string> plugin_setting_problems(const Config& config, const PluginOffers& offers) {
  std::vector<std::string> problems;
  for (const auto& setting : offers.settings) {
    std::optional<std::string> text;
    try {
      text = config.get(setting.key);
    } catch (const Error&) {
      // What is wrong with the configuration itself is reported elsewhere.
      return problems;
    }
    if (!text || *text == "None" || setting.accepts(trimmed(*text))) continue;
    std::string& problem = problems.emplace_back(setting.key);
    problem.append(" is '").append(one_line(text->substr(0, 80))).append("'; expected ");
    problem.append(setting.expected()).append(", using ").append(setting.fallback.value_or("none"));
    problem.append(" (plugin ").append(setting.plugin) += ')';
  }
  return problems;
}

}  // namespace jetpack::support
