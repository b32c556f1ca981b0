// jetpack/detail/check.hpp: finds the mistakes in the declaration of a command at compile time.
// Part of jetpack/command.hpp.
#pragma once

#include <jetpack/detail/values.hpp>

namespace jetpack::detail {

// Whether it is one to `words` lower-case words.
constexpr bool is_name(std::string_view text, size_t words) {
  bool letter = false;
  for (const char c : text) {
    if (is_lower(c)) {
      letter = true;
    } else if (c == ' ' && words > 1 && letter) {
      --words;
      letter = false;
    } else if (!(letter && (is_digit(c) || c == '-' || c == '_'))) {
      return false;
    }
  }
  return letter && text.size() <= 64;
}

// Letters, digits and some of the marks; the first is no mark.
constexpr bool is_token(std::string_view text, std::string_view marks) {
  for (const char c : text)
    if (!is_lower(lower(c)) && !is_digit(c) && marks.find(c) == std::string_view::npos)
      return false;
  return !text.empty() && marks.find(text[0]) == std::string_view::npos;
}

// Words with dots between them: "gpu.count".
constexpr bool is_key(std::string_view text) {
  for (const char c : text)
    if (static_cast<unsigned char>(c) <= ' ' || c == '\x7F') return false;
  return !text.empty() && text.front() != '.' && text.back() != '.' &&
         text.find("..") == std::string_view::npos;
}

constexpr Mistake mistake_in_flag(const Parameter& p) {
  if (p.is_required) return Mistake::flag_required;
  if (p.is_repeated) return Mistake::flag_repeated;
  if (p.choice_count > 0 || !p.source.empty()) return Mistake::flag_with_value;
  if (p.has_fallback && p.fallback_text != "true" && p.fallback_text != "false")
    return Mistake::fallback_of_flag;
  return Mistake::none;
}

constexpr Mistake mistake_in_choices(const Parameter& p) {
  for (size_t i = 0; i < p.choice_count; ++i) {
    const std::string_view choice = p.choice_texts[i];
    for (size_t earlier = 0; earlier < i; ++earlier)
      if (is_same_in_any_case(choice, p.choice_texts[earlier])) return Mistake::same_choice;
    const auto number = integer_in(choice);
    if (p.type == JP_INTEGER && (!number || *number < p.min || *number > p.max))
      return Mistake::choice_not_integer;
    if (p.type == JP_DURATION && !milliseconds_in(choice)) return Mistake::choice_not_duration;
  }
  return Mistake::none;
}

constexpr Mistake mistake_in_fallback(const Parameter& p) {
  if (p.is_required) return Mistake::fallback_required;
  bool found = p.choice_count == 0;
  for (size_t i = 0; i < p.choice_count; ++i) found |= p.choice_texts[i] == p.fallback_text;
  if (p.type == JP_DURATION && !milliseconds_in(p.fallback_text))
    return Mistake::fallback_not_duration;
  if (p.type == JP_INTEGER) {
    const auto number = integer_in(p.fallback_text);
    if (!number) return Mistake::fallback_not_integer;
    if (*number < p.min || *number > p.max) return Mistake::fallback_out_of_bounds;
  }
  return found ? Mistake::none : Mistake::fallback_not_choice;
}

constexpr Mistake mistake_in_name(const Parameter& p) {
  if (p.name.empty()) return Mistake::no_name;
  if (!p.is_argument && !is_name(p.name, 1)) return Mistake::bad_option_name;
  if (p.name == "help" || p.letter == 'h') return Mistake::name_of_host;
  if (p.letter != 0 && (p.letter <= ' ' || p.letter > '~' || p.letter == '-' || p.letter == '='))
    return Mistake::bad_letter;
  return Mistake::none;
}

// Of a parameter by itself.
constexpr Mistake mistake_in(const Parameter& p) {
  if (p.mistake != Mistake::none) return p.mistake;
  if (const auto found = mistake_in_name(p); found != Mistake::none) return found;
  if (p.is_from_config && !is_key(p.config_key)) return Mistake::bad_key;
  if (p.type == JP_FLAG) return mistake_in_flag(p);
  if (p.is_negatable) return Mistake::negatable_option;
  if (p.min > p.max) return Mistake::bounds_reversed;
  if (const auto found = mistake_in_choices(p); found != Mistake::none) return found;
  return p.has_fallback ? mistake_in_fallback(p) : Mistake::none;
}

// "no-NAME" is an option, too, when a flag NAME can be negated.
constexpr bool is_negation_of(std::string_view name, const Parameter& p) {
  return p.is_negatable && name.starts_with("no-") && name.substr(3) == p.name;
}

// Of a parameter beside one that stands before it.
constexpr Mistake mistake_in_both(const Parameter& earlier, const Parameter& p) {
  if (earlier.name == p.name || is_negation_of(p.name, earlier) || is_negation_of(earlier.name, p))
    return Mistake::same_name;
  if (p.letter != 0 && earlier.letter == p.letter) return Mistake::same_letter;
  if (!p.is_argument || !earlier.is_argument) return Mistake::none;
  if (earlier.is_repeated) return Mistake::argument_after_repeated;
  const bool may_be_missing = !earlier.is_required || earlier.is_from_config;
  return may_be_missing && p.is_required ? Mistake::required_after_optional : Mistake::none;
}

constexpr void check_parameters(Command& command) {
  for (size_t i = 0; i < command.parameter_count; ++i) {
    const Parameter& p = command.parameters[i];
    Mistake found = mistake_in(p);
    for (size_t k = 0; k < i && found == Mistake::none; ++k)
      found = mistake_in_both(command.parameters[k], p);
    if (found == Mistake::none) continue;
    command.mistake = found;
    command.mistaken = i;
    return;
  }
}

// Finds the first mistake in what has none yet.
constexpr void check(Command& command) {
  if (command.mistake != Mistake::none) return;
  if (!is_name(command.name, 3)) {
    command.mistake = Mistake::bad_command_name;
  } else if (command.summary.empty()) {
    command.mistake = Mistake::no_summary;
  } else if (command.run == nullptr) {
    command.mistake = Mistake::no_function;
  } else {
    check_parameters(command);
  }
}

}  // namespace jetpack::detail
