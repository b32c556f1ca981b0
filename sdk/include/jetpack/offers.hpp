// jetpack/offers.hpp: what a plugin may declare besides commands: health checks, timers, hooks, and
// the settings that it reads. Part of jetpack/plugin.hpp; they stand in JETPACK_PLUGIN beside commands:
//
//   JETPACK_PLUGIN("com.example.gpu", "1.0.0",
//                  jetpack::check("gpu", "All GPUs answer", check_gpus).every("60s").deadline("10s"),
//                  jetpack::timer("gpu-log", "Log temperatures", log_temperatures).every("10m"),
//                  jetpack::hook("on-ready", set_persistence_mode),
//                  gpu_count);  // constexpr auto gpu_count = jetpack::setting("gpu.count", ...);
//
// Declarations are evaluated by the compiler [compile-time]; what reads an event or a setting, or makes
// a verdict, may be called from anywhere in the plugin [any-thread].
#pragma once

#include <jetpack/command.hpp>
#include <jetpack/config.hpp>
#include <jetpack/json.hpp>

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace jetpack {

// What a check found. It becomes a condition of the node, named after the check.
struct Verdict {
  enum class Health {
    healthy,    // condition OK: it is cleared
    warning,    // Warning: look at it
    failed,     // Error, and the node stays
    unhealthy,  // Error, and the cluster is asked to terminate the node
    unknown,    // NA: the check could not find out
  };

  Health health = Health::healthy;
  std::string message;  // one line
  std::string details;  // more of it

  static Verdict healthy(std::string message = {}) {
    return {Health::healthy, std::move(message), {}};
  }
  static Verdict warning(std::string message, std::string details = {}) {
    return {Health::warning, std::move(message), std::move(details)};
  }
  static Verdict failed(std::string message, std::string details = {}) {
    return {Health::failed, std::move(message), std::move(details)};
  }
  static Verdict unhealthy(std::string message, std::string details = {}) {
    return {Health::unhealthy, std::move(message), std::move(details)};
  }
  static Verdict unknown(std::string message, std::string details = {}) {
    return {Health::unknown, std::move(message), std::move(details)};
  }
};

namespace detail {

// A year is more than any of them needs, and far from what a clock cannot count.
inline constexpr int64_t longest_ms = int64_t{366} * 86'400'000;

// A duration of at least `least` milliseconds; nullopt for anything else.
constexpr std::optional<int64_t> duration_from(std::string_view text, int64_t least) {
  const auto ms = milliseconds_in(text);
  return ms && *ms >= least && *ms <= longest_ms ? ms : std::nullopt;
}

// The offer with its interval or deadline, or with the mistake in it.
template <class Offer>
consteval Offer repeated_every(Offer offer, std::string_view interval) {
  const auto ms = duration_from(interval, 1000);
  if (!ms && offer.mistake == Mistake::none) offer.mistake = Mistake::bad_interval;
  offer.interval_ms = ms.value_or(0);
  return offer;
}
template <class Offer>
consteval Offer ended_after(Offer offer, std::string_view time) {
  const auto ms = duration_from(time, 1);
  if (!ms && offer.mistake == Mistake::none) offer.mistake = Mistake::bad_deadline;
  offer.deadline_ms = ms.value_or(0);
  return offer;
}

constexpr Mistake mistake_in_offer(std::string_view name, std::string_view summary,
                                   bool has_function) {
  if (!is_name(name, 1)) return Mistake::bad_offer_name;
  if (summary.empty()) return Mistake::no_offer_summary;
  return has_function ? Mistake::none : Mistake::no_offer_function;
}

}  // namespace detail

// A health check. healthcheck runs it in a process of its own; what it throws is a warning.
struct Check {
  using Run = Verdict (*)(const Call& call);

  std::string_view name;
  std::string_view summary;
  Run run = nullptr;
  int64_t interval_ms = 600'000;
  int64_t deadline_ms = 0;
  detail::Mistake mistake = detail::Mistake::none;

  // From the start of one run to that of the next: "60s"; ten minutes by default.
  consteval Check every(std::string_view interval) const {
    return detail::repeated_every(*this, interval);
  }
  // When it is killed; by default after cyclecloud.jetpack.healthcheck_timeout seconds.
  consteval Check deadline(std::string_view time) const { return detail::ended_after(*this, time); }
};

// Something that jetpackd runs from time to time; an exit code other than 0 is logged.
struct Timer {
  using Run = int (*)(const Call& call);

  std::string_view name;
  std::string_view summary;
  Run run = nullptr;
  int64_t interval_ms = 600'000;
  int64_t deadline_ms = 0;
  detail::Mistake mistake = detail::Mistake::none;

  // From the start of one run to that of the next, which waits for the end of the one before.
  consteval Timer every(std::string_view interval) const {
    return detail::repeated_every(*this, interval);
  }
  // When it is killed; by default after a minute.
  consteval Timer deadline(std::string_view time) const { return detail::ended_after(*this, time); }
};

// Something that jetpackd runs when an event happens. event_data() describes it.
struct Hook {
  using Run = int (*)(const Call& call);

  std::string_view event;
  Run run = nullptr;
  int64_t deadline_ms = 0;
  detail::Mistake mistake = detail::Mistake::none;

  // When it is killed; by default after a minute.
  consteval Hook deadline(std::string_view time) const { return detail::ended_after(*this, time); }
};

// A key of the node's configuration that the plugin reads: a text unless it is refined. It is listed
// by `jetpack help settings`, and `jetpack doctor` reports an invalid value. read_text() and the others
// below read it.
struct Setting {
  std::string_view key;
  std::string_view help;
  jp_type type = JP_TEXT;
  bool has_fallback = false;
  std::string_view fallback_text;
  int64_t min = INT64_MIN, max = INT64_MAX;
  detail::Mistake mistake = detail::Mistake::none;

  consteval Setting integer(int64_t least = INT64_MIN, int64_t most = INT64_MAX) const {
    Setting setting = *this;
    setting.type = JP_INTEGER;
    setting.min = least;
    setting.max = most;
    return setting;
  }
  consteval Setting duration() const {
    Setting setting = *this;
    setting.type = JP_DURATION;
    return setting;
  }
  consteval Setting flag() const {
    Setting setting = *this;
    setting.type = JP_FLAG;
    return setting;
  }
  // The value where the configuration has none, or an invalid one. Comes after the type.
  consteval Setting fallback(std::string_view text) const {
    Setting setting = *this;
    setting.has_fallback = true;
    setting.fallback_text = text;
    if (type != JP_TEXT && !setting.number_in(text))
      setting.mistake = detail::Mistake::bad_setting_fallback;
    return setting;
  }

  // What a text means: 0 or 1 for a flag, milliseconds for a duration; nullopt when it is invalid.
  constexpr std::optional<int64_t> number_in(std::string_view text) const {
    if (type == JP_DURATION) return detail::milliseconds_in(text);
    if (type == JP_FLAG) {
      for (const std::string_view word : {"true", "yes", "on", "1"})
        if (detail::is_same_in_any_case(text, word)) return 1;
      for (const std::string_view word : {"false", "no", "off", "0"})
        if (detail::is_same_in_any_case(text, word)) return 0;
      return std::nullopt;
    }
    const auto number = detail::integer_in(text);
    return number && *number >= min && *number <= max ? number : std::nullopt;
  }
};

consteval Check check(std::string_view name, std::string_view summary, Check::Run run) {
  Check check;
  check.mistake = detail::mistake_in_offer(name, summary, run != nullptr);
  check.name = name;
  check.summary = summary;
  check.run = run;
  return check;
}

consteval Timer timer(std::string_view name, std::string_view summary, Timer::Run run) {
  Timer timer;
  timer.mistake = detail::mistake_in_offer(name, summary, run != nullptr);
  timer.name = name;
  timer.summary = summary;
  timer.run = run;
  return timer;
}

// `event`: "on-ready", when the node has its configuration; "on-config-change", when it was changed;
// "on-condition", when a condition was; "on-shutdown", when the cloud is about to take the node away.
consteval Hook hook(std::string_view event, Hook::Run run) {
  Hook hook;
  if (event != "on-ready" && event != "on-config-change" && event != "on-condition" &&
      event != "on-shutdown")
    hook.mistake = detail::Mistake::bad_event;
  else if (run == nullptr)
    hook.mistake = detail::Mistake::no_offer_function;
  hook.event = event;
  hook.run = run;
  return hook;
}

consteval Setting setting(std::string_view key, std::string_view help) {
  Setting setting;
  if (!detail::is_key(key)) setting.mistake = detail::Mistake::bad_setting_key;
  if (help.empty()) setting.mistake = detail::Mistake::no_setting_help;
  setting.key = key;
  setting.help = help;
  return setting;
}

// The event that a hook runs for: a JSON object, described in sdk/README.md.
inline std::string_view event_data(const Call& call) { return call.text("data").value_or("{}"); }

// The value of a setting: what the configuration has, else the fallback, else nothing. An invalid value
// is reported on standard error and the fallback is used.
inline std::optional<std::string> read_text(const Call& call, const Setting& setting) {
  // A new node has no configuration yet.
  const auto config = call.service<Config>();
  std::optional<std::string> text;
  try {
    text = config.get(setting.key);
  } catch (const Error& e) {
    if (e.code() != Errc::unavailable) throw;
  }
  // Null is as if it were left out.
  if (text && *text == "None") text.reset();
  if (text && (setting.type == JP_TEXT || setting.number_in(*text))) return text;
  const std::string fallback(setting.fallback_text);
  if (text && !text->empty())
    call.report(std::string(setting.key) + ": invalid value '" + text->substr(0, 80) + "', using " +
                (setting.has_fallback ? fallback : "none") + '\n');
  return setting.has_fallback ? std::optional(fallback) : std::nullopt;
}
inline std::optional<int64_t> read_integer(const Call& call, const Setting& setting) {
  const auto text = read_text(call, setting);
  return text ? setting.number_in(*text) : std::nullopt;
}
inline bool read_flag(const Call& call, const Setting& setting) {
  return read_integer(call, setting).value_or(0) != 0;
}
inline std::optional<std::chrono::milliseconds> read_duration(const Call& call,
                                                              const Setting& setting) {
  const auto ms = read_integer(call, setting);
  return ms ? std::optional(std::chrono::milliseconds(*ms)) : std::nullopt;
}

}  // namespace jetpack

#include <jetpack/detail/offers.hpp>
