// What a plugin offers besides commands, as its note declares it.
#include "loader/offers.hpp"

#include <algorithm>
#include <array>

#include <jetpack/error.hpp>
#include "loader/listing.hpp"
#include "loader/refusal.hpp"
#include "support/json.hpp"

namespace jetpack {

namespace {

using Value = rapidjson::Value;

constexpr size_t max_offers = 64;  // of a kind, in a plugin
constexpr int64_t least_interval_ms = 1000;
constexpr std::array<std::string_view, 4> events{"on-ready", "on-config-change", "on-condition",
                                                 "on-shutdown"};
constexpr std::array<std::string_view, 4> types{"text", "flag", "integer", "duration"};

[[noreturn]] void refuse(const std::string& what) { throw Refusal("its note is faulty: " + what); }

std::string text_of(const Value& object, const char* name) {
  const auto* member = support::find_member(object, name);
  if (member == nullptr) return {};
  if (!support::is_string(*member)) refuse(std::string("'") + name + "' is not a string");
  return std::string(checked_text(support::text_of(*member), name));
}

std::optional<int64_t> integer_of(const Value& object, const char* name) {
  const auto* member = support::find_member(object, name);
  if (member == nullptr) return std::nullopt;
  if (!member->IsInt64()) refuse(std::string("'") + name + "' is not an integer");
  return member->GetInt64();
}

int64_t milliseconds_of(const Value& object, const char* name, int64_t least) {
  const int64_t ms = integer_of(object, name).value_or(0);
  constexpr int64_t most = int64_t{366} * 86'400'000;
  if (ms != 0 && (ms < least || ms > most))
    refuse(std::string("'") + name + "' is not from " + std::to_string(least) +
           " milliseconds to a year");
  return ms;
}

// A word that can be typed, and be a part of a condition's name.
bool is_word(std::string_view name) {
  constexpr size_t longest = 64;
  if (name.empty() || name.size() > longest || name[0] < 'a' || name[0] > 'z') return false;
  return std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  });
}

bool is_dotted_key(std::string_view key) {
  constexpr size_t longest = 200;
  if (key.empty() || key.size() > longest || key.front() == '.' || key.back() == '.') return false;
  return std::all_of(key.begin(), key.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.';
  });
}

template <class Use>
void for_each(const Value& object, const char* name, Use use) {
  const auto* member = support::find_member(object, name);
  if (member == nullptr) return;
  if (!member->IsArray()) refuse(std::string("'") + name + "' is not a list");
  if (member->Size() > max_offers)
    refuse(std::string("more than ") + std::to_string(max_offers) + ' ' + name);
  for (const auto& element : member->GetArray()) {
    if (!element.IsObject()) refuse(std::string("an element of '") + name + "' is not an object");
    use(element);
  }
}

std::vector<OfferNote> read_list(const Value& root, const char* kind, int64_t usual_interval) {
  std::vector<OfferNote> offers;
  for_each(root, kind, [&](const Value& value) {
    OfferNote offer{text_of(value, "name"), text_of(value, "summary"),
                    milliseconds_of(value, "interval", least_interval_ms),
                    milliseconds_of(value, "deadline", 1)};
    if (!is_word(offer.name)) refuse("'" + offer.name + "' cannot be a name in '" + kind + "'");
    if (offer.interval_ms == 0) offer.interval_ms = usual_interval;
    for (const auto& other : offers)
      if (other.name == offer.name)
        refuse("two of '" + std::string(kind) + "' are named '" + offer.name + "'");
    offers.push_back(std::move(offer));
  });
  return offers;
}

HookNote read_hook(const Value& value) {
  HookNote hook{text_of(value, "event"), milliseconds_of(value, "deadline", 1)};
  if (std::find(events.begin(), events.end(), hook.event) == events.end())
    refuse("the event '" + hook.event + "' is unknown; the plugin may need a newer jetpack");
  return hook;
}

SettingNote read_setting(const Value& value) {
  SettingNote setting{text_of(value, "key"),    text_of(value, "type"),   std::nullopt,
                      integer_of(value, "min"), integer_of(value, "max"), text_of(value, "help")};
  if (!is_dotted_key(setting.key)) refuse("'" + setting.key + "' is not a dotted key");
  if (setting.type.empty()) setting.type = "text";
  if (std::find(types.begin(), types.end(), setting.type) == types.end())
    refuse("type '" + setting.type + "' is unknown; the plugin may need a newer jetpack");
  if (support::find_member(value, "default") != nullptr)
    setting.fallback = text_of(value, "default");
  return setting;
}

}  // namespace

bool Offers::has(std::string_view kind, std::string_view name) const {
  const auto named = [&](const OfferNote& offer) { return offer.name == name; };
  if (kind == "check") return std::any_of(checks.begin(), checks.end(), named);
  if (kind == "timer") return std::any_of(timers.begin(), timers.end(), named);
  return kind == "hook" && std::any_of(hooks.begin(), hooks.end(),
                                       [&](const HookNote& hook) { return hook.event == name; });
}

Offers read_offers(std::string_view note) {
  constexpr int64_t ten_minutes = 600'000;
  try {
    const auto json = support::Json::parse(note, "note", {}, support::JsonRules::strict);
    const Value& root = json.root();
    Offers offers;
    offers.checks = read_list(root, "checks", ten_minutes);
    offers.timers = read_list(root, "timers", ten_minutes);
    for_each(root, "hooks", [&](const Value& hook) { offers.hooks.push_back(read_hook(hook)); });
    for_each(root, "settings",
             [&](const Value& setting) { offers.settings.push_back(read_setting(setting)); });
    return offers;
  } catch (const Error& e) {
    refuse(e.what());
  }
}

}  // namespace jetpack
