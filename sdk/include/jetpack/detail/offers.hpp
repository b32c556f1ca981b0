// jetpack/detail/offers.hpp: the offers of a declaration: kept, written into the note, and run.
// Part of jetpack/offers.hpp.
#pragma once

#include <jetpack/detail/list.hpp>
#include <jetpack/offers.hpp>

namespace jetpack::detail {

template <class... Part>
struct Offers {
  List<Check, Part...> checks;
  List<Timer, Part...> timers;
  List<Hook, Part...> hooks;
  List<Setting, Part...> settings;

  constexpr void add(const Check& check) { checks.add(check); }
  constexpr void add(const Timer& timer) { timers.add(timer); }
  constexpr void add(const Hook& hook) { hooks.add(hook); }
  constexpr void add(const Setting& setting) { settings.add(setting); }

  constexpr bool declares_something() const {
    return checks.size() + timers.size() + hooks.size() + settings.size() > 0;
  }
};

template <class Part>
inline constexpr bool is_offer = std::is_same_v<Part, Check> || std::is_same_v<Part, Timer> ||
                                 std::is_same_v<Part, Hook> || std::is_same_v<Part, Setting>;

// Whether `text` is `kind`, a blank and `name`.
constexpr bool is_call_of(std::string_view text, std::string_view kind, std::string_view name) {
  return text.size() == kind.size() + 1 + name.size() && text.starts_with(kind) &&
         text[kind.size()] == ' ' && text.ends_with(name);
}

// Finds the first mistake in one kind of offer, and names that an earlier one has.
template <class Items, class Name>
constexpr void find_mistake(const Items& items, Name name_of, Finding& found) {
  for (auto one = items.begin(); one != items.end() && found.mistake == Mistake::none; ++one) {
    found.mistake = one->mistake;
    for (auto other = items.begin(); other != one; ++other)
      if (name_of(*one) == name_of(*other)) found.mistake = Mistake::same_offer;
    if (found.mistake != Mistake::none) found.place.add(name_of(*one));
  }
}

// The first mistake in the offers of a declaration, or in how they go with its commands.
template <class... Part, class Commands>
constexpr Finding finding_in(const Offers<Part...>& offers, const Commands& commands) {
  Finding found;
  find_mistake(
      offers.checks, [](const Check& check) { return check.name; }, found);
  find_mistake(
      offers.timers, [](const Timer& timer) { return timer.name; }, found);
  find_mistake(
      offers.hooks, [](const Hook& hook) { return hook.event; }, found);
  find_mistake(
      offers.settings, [](const Setting& setting) { return setting.key; }, found);
  for (const auto& command : commands) {
    bool taken = false;
    for (const auto& check : offers.checks) taken |= is_call_of(command.name, "check", check.name);
    for (const auto& timer : offers.timers) taken |= is_call_of(command.name, "timer", timer.name);
    for (const auto& hook : offers.hooks) taken |= is_call_of(command.name, "hook", hook.event);
    if (!taken || found.mistake != Mistake::none) continue;
    found.mistake = Mistake::offer_is_command;
    found.place.add(command.name);
  }
  return found;
}

// Writes the members of a note that declare offers. `raw` writes JSON as it is, `text` and `number` a
// value; the members stand after "details", so each begins with a comma.
template <class Raw, class Text, class Number>
class OfferWriter {
 public:
  constexpr OfferWriter(Raw raw, Text text, Number number)
      : raw_(raw), text_(text), number_(number) {}

  template <class... Part>
  constexpr void write(const Offers<Part...>& offers) {
    list("checks", offers.checks, [&](const Check& check) { timed(check); });
    list("timers", offers.timers, [&](const Timer& timer) { timed(timer); });
    list("hooks", offers.hooks, [&](const Hook& hook) {
      raw_("\"event\":");
      text_(hook.event);
      member("deadline", hook.deadline_ms);
    });
    list("settings", offers.settings, [&](const Setting& setting) { write(setting); });
  }

 private:
  template <class List, class Write>
  constexpr void list(std::string_view name, const List& items, Write write_one) {
    if (items.size() == 0) return;
    raw_(",\"");
    raw_(name);
    raw_("\":[");
    bool is_first = true;
    for (const auto& item : items) {
      raw_(is_first ? "{" : ",{");
      is_first = false;
      write_one(item);
      raw_("}");
    }
    raw_("]");
  }

  template <class Offer>
  constexpr void timed(const Offer& offer) {
    raw_("\"name\":");
    text_(offer.name);
    raw_(",\"summary\":");
    text_(offer.summary);
    member("interval", offer.interval_ms);
    member("deadline", offer.deadline_ms);
  }

  constexpr void write(const Setting& setting) {
    raw_("\"key\":");
    text_(setting.key);
    raw_(",\"type\":");
    text_(setting.type == JP_FLAG       ? "flag"
          : setting.type == JP_INTEGER  ? "integer"
          : setting.type == JP_DURATION ? "duration"
                                        : "text");
    if (setting.has_fallback) {
      raw_(",\"default\":");
      text_(setting.fallback_text);
    }
    if (setting.min != INT64_MIN) member("min", setting.min);
    if (setting.max != INT64_MAX) member("max", setting.max);
    raw_(",\"help\":");
    text_(setting.help);
  }

  // 0 is what is left out.
  constexpr void member(std::string_view key, int64_t value) {
    if (value == 0 && (key == "deadline" || key == "interval")) return;
    raw_(",\"");
    raw_(key);
    raw_("\":");
    number_(value);
  }

  Raw raw_;
  Text text_;
  Number number_;
};

// What is needed at run time, so that the texts stand in the file once: in the note.
struct OfferHandler {
  std::string_view kind, name;
  Verdict (*check)(const Call& call) = nullptr;
  int (*run)(const Call& call) = nullptr;
};

template <const auto& P>
consteval auto offer_handlers() {
  const auto& offers = P.offers;
  std::array<OfferHandler, offers.checks.size() + offers.timers.size() + offers.hooks.size()> all{};
  size_t next = 0;
  for (const auto& check : offers.checks) all[next++] = {"check", check.name, check.run, nullptr};
  for (const auto& timer : offers.timers) all[next++] = {"timer", timer.name, nullptr, timer.run};
  for (const auto& hook : offers.hooks) all[next++] = {"hook", hook.event, nullptr, hook.run};
  return all;
}

// Says what a check found in the form that healthcheck reads: a line of JSON, and the exit code.
inline int tell_verdict(const Call& call, const Verdict& verdict) {
  using Health = Verdict::Health;
  constexpr int unhealthy = 254;
  const bool is_healthy = verdict.health == Health::healthy;
  const char* status = is_healthy                          ? "OK"
                       : verdict.health == Health::warning ? "Warning"
                       : verdict.health == Health::unknown ? "NA"
                                                           : "Error";
  call.print(std::string(R"({"condition":{"status":")") + status + R"(","message":)" +
             json_string(verdict.message) + R"(,"details":)" + json_string(verdict.details) +
             "}}\n");
  if (is_healthy || verdict.health == Health::unknown) return 0;
  return verdict.health == Health::unhealthy ? unhealthy : 1;
}

// Runs the offer that the call is for; nullopt when there is none.
template <size_t N>
std::optional<int> run_offer(const std::array<OfferHandler, N>& handlers, const Call& call) {
  for (const auto& handler : handlers) {
    if (!is_call_of(call.command(), handler.kind, handler.name)) continue;
    return handler.check != nullptr ? tell_verdict(call, handler.check(call)) : handler.run(call);
  }
  return std::nullopt;
}

}  // namespace jetpack::detail
