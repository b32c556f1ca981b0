// jetpack/offers.hpp: what a plugin may declare besides commands: health checks, timers, hooks, and
// the settings that it reads. Part of jetpack/plugin.hpp; they stand in JETPACK_PLUGIN beside commands:
//
//   JETPACK_PLUGIN("com.example.gpu", "1.0.0",
//                  jetpack::check("gpu", "All GPUs answer", check_gpus).every("60s").deadline("10s"),
//                  jetpack::timer("gpu-log", "Log temperatures", log_temperatures).every("10m"),
//                  jetpack::hook("on-ready", set_persistence_mode),
//                  gpu_count);  // constexpr auto gpu_count = jetpack::setting("gpu.count", ...);
#pragma once

#include <jetpack/call.hpp>
#include <jetpack/config.hpp>
#include <jetpack/json.hpp>

#include <array>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace jetpack {

// What a check found. It becomes a condition of the node, named after the check.
enum class Health {
  healthy,    // condition OK: it is cleared
  warning,    // Warning: look at it
  failed,     // Error, and the node stays
  unhealthy,  // Error, and the cluster is asked to terminate the node
  unknown,    // NA: the check could not find out
};

struct Verdict {
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

// Mistakes in a declaration: a consteval function that calls one of these does not compile, and the
// error names it.
void a_check_or_timer_needs_a_name_of_one_lower_case_word();
void a_check_or_timer_needs_a_summary();
void an_offer_needs_a_function();
void every_needs_a_duration_from_1s_to_a_year_such_as_60s();
void deadline_needs_a_duration_up_to_a_year_such_as_10s();
void a_hook_is_on_ready_on_config_change_on_condition_or_on_shutdown();
void a_setting_needs_a_dotted_key_such_as_gpu_count();
void a_setting_needs_help();
void the_fallback_of_a_setting_is_not_valid_for_its_type();
void two_offers_of_one_kind_have_the_same_name();
void a_command_has_the_name_of_a_check_timer_or_hook();

inline constexpr int64_t day_ms = 86'400'000;

constexpr std::optional<int64_t> integer_in(std::string_view text) {
  const bool is_negative = !text.empty() && text[0] == '-';
  const std::string_view digits = text.substr(is_negative ? 1 : 0);
  constexpr size_t most_digits = 18;
  if (digits.empty() || digits.size() > most_digits) return std::nullopt;
  int64_t number = 0;
  for (const char c : digits) {
    if (c < '0' || c > '9') return std::nullopt;
    number = number * 10 + (c - '0');
  }
  return is_negative ? -number : number;
}

// Milliseconds: "90" (seconds), "250ms", "10m", "6h", "2d"; at most a year.
constexpr std::optional<int64_t> milliseconds_in(std::string_view text) {
  size_t digits = 0;
  while (digits < text.size() && text[digits] >= '0' && text[digits] <= '9') ++digits;
  const auto number = integer_in(text.substr(0, digits));
  const std::string_view unit = text.substr(digits);
  const int64_t factor = unit.empty() || unit == "s" ? 1000
                         : unit == "ms"              ? 1
                         : unit == "m"               ? 60'000
                         : unit == "h"               ? 3'600'000
                         : unit == "d"               ? day_ms
                                                     : 0;
  constexpr int64_t most = 366 * day_ms;
  if (!number || factor == 0 || *number > most / factor) return std::nullopt;
  return *number * factor;
}

constexpr bool is_word(std::string_view name) {
  if (name.empty() || name[0] < 'a' || name[0] > 'z') return false;
  for (const char c : name)
    if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_')) return false;
  return true;
}

// Whether `text` is `word`, which is in lower case, in any case.
constexpr bool is_same_word(std::string_view text, std::string_view word) {
  if (text.size() != word.size()) return false;
  for (size_t i = 0; i < text.size(); ++i)
    if (text[i] != word[i] && !(text[i] >= 'A' && text[i] <= 'Z' && text[i] - 'A' + 'a' == word[i]))
      return false;
  return true;
}

constexpr bool is_dotted_key(std::string_view key) {
  if (key.empty() || key.front() == '.' || key.back() == '.') return false;
  for (const char c : key)
    if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
          c == '_' || c == '.'))
      return false;
  return true;
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

  // From the start of one run to that of the next: "60s"; ten minutes by default.
  consteval Check every(std::string_view interval) const {
    const auto ms = detail::milliseconds_in(interval);
    if (!ms || *ms < 1000) detail::every_needs_a_duration_from_1s_to_a_year_such_as_60s();
    Check check = *this;
    check.interval_ms = *ms;
    return check;
  }
  // When it is killed; by default after cyclecloud.jetpack.healthcheck_timeout seconds.
  consteval Check deadline(std::string_view time) const {
    const auto ms = detail::milliseconds_in(time);
    if (!ms || *ms < 1) detail::deadline_needs_a_duration_up_to_a_year_such_as_10s();
    Check check = *this;
    check.deadline_ms = *ms;
    return check;
  }
};

// Something that jetpackd runs from time to time; an exit code other than 0 is logged.
struct Timer {
  using Run = int (*)(const Call& call);

  std::string_view name;
  std::string_view summary;
  Run run = nullptr;
  int64_t interval_ms = 600'000;
  int64_t deadline_ms = 0;

  // From the start of one run to that of the next, which waits for the end of the one before.
  consteval Timer every(std::string_view interval) const {
    const auto ms = detail::milliseconds_in(interval);
    if (!ms || *ms < 1000) detail::every_needs_a_duration_from_1s_to_a_year_such_as_60s();
    Timer timer = *this;
    timer.interval_ms = *ms;
    return timer;
  }
  // When it is killed; by default after a minute.
  consteval Timer deadline(std::string_view time) const {
    const auto ms = detail::milliseconds_in(time);
    if (!ms || *ms < 1) detail::deadline_needs_a_duration_up_to_a_year_such_as_10s();
    Timer timer = *this;
    timer.deadline_ms = *ms;
    return timer;
  }
};

// Something that jetpackd runs when an event happens. event_data() is what it is told of it.
struct Hook {
  using Run = int (*)(const Call& call);

  std::string_view event;
  Run run = nullptr;
  int64_t deadline_ms = 0;

  // When it is killed; by default after a minute.
  consteval Hook deadline(std::string_view time) const {
    const auto ms = detail::milliseconds_in(time);
    if (!ms || *ms < 1) detail::deadline_needs_a_duration_up_to_a_year_such_as_10s();
    Hook hook = *this;
    hook.deadline_ms = *ms;
    return hook;
  }
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
      detail::the_fallback_of_a_setting_is_not_valid_for_its_type();
    return setting;
  }

  // What a text means: 0 or 1 for a flag, milliseconds for a duration; nullopt when it is invalid.
  constexpr std::optional<int64_t> number_in(std::string_view text) const {
    if (type == JP_DURATION) return detail::milliseconds_in(text);
    if (type == JP_FLAG) {
      for (const std::string_view word : {"true", "yes", "on", "1"})
        if (detail::is_same_word(text, word)) return 1;
      for (const std::string_view word : {"false", "no", "off", "0"})
        if (detail::is_same_word(text, word)) return 0;
      return std::nullopt;
    }
    const auto number = detail::integer_in(text);
    return number && *number >= min && *number <= max ? number : std::nullopt;
  }
};

consteval Check check(std::string_view name, std::string_view summary, Check::Run run) {
  if (!detail::is_word(name)) detail::a_check_or_timer_needs_a_name_of_one_lower_case_word();
  if (summary.empty()) detail::a_check_or_timer_needs_a_summary();
  if (run == nullptr) detail::an_offer_needs_a_function();
  Check check;
  check.name = name;
  check.summary = summary;
  check.run = run;
  return check;
}

consteval Timer timer(std::string_view name, std::string_view summary, Timer::Run run) {
  if (!detail::is_word(name)) detail::a_check_or_timer_needs_a_name_of_one_lower_case_word();
  if (summary.empty()) detail::a_check_or_timer_needs_a_summary();
  if (run == nullptr) detail::an_offer_needs_a_function();
  Timer timer;
  timer.name = name;
  timer.summary = summary;
  timer.run = run;
  return timer;
}

// `event`: "on-ready", when the node has its configuration; "on-config-change", when it was changed;
// "on-condition", when a condition was; "on-shutdown", when the cloud is about to take the node away.
consteval Hook hook(std::string_view event, Hook::Run run) {
  if (event != "on-ready" && event != "on-config-change" && event != "on-condition" &&
      event != "on-shutdown")
    detail::a_hook_is_on_ready_on_config_change_on_condition_or_on_shutdown();
  if (run == nullptr) detail::an_offer_needs_a_function();
  Hook hook;
  hook.event = event;
  hook.run = run;
  return hook;
}

consteval Setting setting(std::string_view key, std::string_view help) {
  if (!detail::is_dotted_key(key)) detail::a_setting_needs_a_dotted_key_such_as_gpu_count();
  if (help.empty()) detail::a_setting_needs_help();
  Setting setting;
  setting.key = key;
  setting.help = help;
  return setting;
}

// What a hook is told of its event: a JSON object, described in sdk/README.md.
inline std::string_view event_data(const Call& call) { return call.text("data").value_or("{}"); }

// The value of a setting: what the configuration has, else the fallback, else nothing. An invalid value
// is reported on standard error and the fallback is used.
inline std::optional<std::string> read_text(const Call& call, const Setting& setting) {
  std::optional<std::string> text;
  try {
    text = call.service<Config>().get(setting.key);
  } catch (const Error& e) {
    // A new node has no configuration yet.
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
