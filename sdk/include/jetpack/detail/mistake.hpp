// jetpack/detail/mistake.hpp: the mistakes in a plugin's declaration, each a compile-time error whose
// text says what is wrong. Part of jetpack/command.hpp.
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

namespace jetpack::detail {

// X(name, what the compiler says)
#define JETPACK_MISTAKES(X)                                                                       \
  X(bad_id, "a plugin's id is letters, digits, '.', '-' and '_': \"com.example.gpu\"")            \
  X(bad_version, "a plugin's version is letters, digits, '.', '-', '+', '_' and '~'")             \
  X(nothing_declared, "a plugin declares no command, check, timer, hook or setting")              \
  X(same_command, "two commands have the same name")                                              \
  X(needs_twice, "needs<>() stands twice; list all services in one")                              \
  X(too_long, "the plugin's texts exceed JP_NOTE_MAX, 65536 bytes")                               \
  X(bad_command_name, "a command's name is one to three lower-case words")                        \
  X(no_summary, "a command needs a summary")                                                      \
  X(no_function, "a command needs a function")                                                    \
  X(two_descriptions, "a command has two descriptions")                                           \
  X(too_many_parameters, "a command has more than 24 parameters")                                 \
  X(too_many_examples, "a command has more than 12 examples")                                     \
  X(control_character, "a text has a control character")                                          \
  X(no_name, "a parameter has no name")                                                           \
  X(bad_option_name, "an option's name is lower-case letters, digits, - and _")                   \
  X(bad_letter, "an option's letter is an ASCII letter, digit or mark, but not - or =")           \
  X(name_of_host, "--help and -h are the host's")                                                 \
  X(same_name, "two parameters have the same name")                                               \
  X(same_letter, "two options have the same letter")                                              \
  X(flag_with_value, "a flag takes no value; declare an option")                                  \
  X(flag_required, "a flag cannot be required")                                                   \
  X(flag_repeated, "a flag cannot be repeated")                                                   \
  X(negatable_option, "only a flag can be negatable")                                             \
  X(two_types, "a parameter is both an integer and a duration")                                   \
  X(bounds_reversed, "the least value is greater than the most")                                  \
  X(too_many_choices, "a parameter has more than 12 choices")                                     \
  X(same_choice, "two choices are the same, or differ in case alone")                             \
  X(choice_not_integer, "a choice is not an integer within the bounds of its parameter")          \
  X(choice_not_duration, "a choice is not a duration such as \"90\", \"250ms\" or \"10m\"")       \
  X(fallback_of_flag, "the fallback of a flag is \"true\" or \"false\"")                          \
  X(fallback_required, "what has a fallback cannot be required")                                  \
  X(fallback_not_choice, "the fallback is not among the choices")                                 \
  X(fallback_not_integer, "the fallback is not an integer")                                       \
  X(fallback_out_of_bounds, "the fallback is not within the bounds")                              \
  X(fallback_not_duration, "the fallback is not a duration such as \"90\", \"250ms\" or \"10m\"") \
  X(bad_key, "from_config() needs a dotted key such as \"gpu.count\"")                            \
  X(argument_after_repeated, "an argument follows one that takes all that is left")               \
  X(required_after_optional, "a required argument follows an optional one")                       \
  X(bad_offer_name, "the name of a check or timer is one lower-case word")                        \
  X(no_offer_summary, "a check or timer needs a summary")                                         \
  X(no_offer_function, "a check, timer or hook needs a function")                                 \
  X(bad_interval, "every() needs a duration from \"1s\" to a year, such as \"60s\"")              \
  X(bad_deadline, "deadline() needs a duration up to a year, such as \"10s\"")                    \
  X(bad_event,                                                                                    \
    "a hook is \"on-ready\", \"on-config-change\", \"on-condition\" or \"on-shutdown\"")          \
  X(bad_setting_key, "a setting needs a dotted key such as \"gpu.count\"")                        \
  X(no_setting_help, "a setting needs a help text")                                               \
  X(bad_setting_fallback, "the fallback of a setting is not valid for its type")                  \
  X(same_offer, "two checks, timers, hooks or settings have the same name")                       \
  X(offer_is_command, "a command has the name of a check, timer or hook")

#define JETPACK_NAME_MISTAKE(name, text) name,
enum class Mistake { none, JETPACK_MISTAKES(JETPACK_NAME_MISTAKE) };
#undef JETPACK_NAME_MISTAKE

// Where the mistake is, as the compiler shows it: "gpu list --level", a character at a time.
struct Place {
  static constexpr size_t capacity = 80;
  std::array<char, capacity> text{};
  size_t size = 0;

  constexpr void add(std::string_view more) {
    for (const char c : more)
      if (size < capacity) text[size++] = c;
  }
};

struct Finding {
  Mistake mistake = Mistake::none;
  Place place;
};

#define JETPACK_REFUSE_MISTAKE(name, text) static_assert(M != Mistake::name, text);
// Does not compile unless M is Mistake::none.
template <Mistake M, char... In>
constexpr bool declared() {
  JETPACK_MISTAKES(JETPACK_REFUSE_MISTAKE)
  return true;
}
#undef JETPACK_REFUSE_MISTAKE

}  // namespace jetpack::detail
