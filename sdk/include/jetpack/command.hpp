// jetpack/command.hpp: how a plugin declares its commands, once, as compile-time values from which
// help, usage errors, completion and the values handed to the command are all made. [compile-time]
#pragma once

#include <jetpack/call.hpp>
#include <jetpack/detail/mistake.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace jetpack {

// One option or argument. Made by flag(), option() and argument(), refined by chaining; a mistake
// in a declaration is a compile-time error that says what is wrong.
struct Parameter {
  static constexpr size_t max_choices = 12;

  std::string_view name;
  char letter = 0;  // the option's short form, or 0
  jp_type type = JP_TEXT;
  bool is_argument = false;
  bool is_required = false;
  bool is_repeated = false;
  bool is_negatable = false;
  bool has_fallback = false;
  bool is_from_config = false;
  std::string_view metavar;  // how the value is named in help: "SECONDS"
  std::string_view help;
  std::string_view fallback_text;
  std::string_view source;      // see values_from
  std::string_view config_key;  // see from_config
  std::array<std::string_view, max_choices> choice_texts{};
  size_t choice_count = 0;
  int64_t min = INT64_MIN, max = INT64_MAX;
  detail::Mistake mistake = detail::Mistake::none;  // in how it was refined

  // The value when none is given.
  consteval Parameter fallback(std::string_view text) const {
    Parameter p = *this;
    p.has_fallback = true;
    p.fallback_text = text;
    return p;
  }

  // The configuration's value at a dotted key when none is given on the command line: a text, a
  // number, true or false, or a list of these when it is repeated(); checked as if it had been typed.
  // Where the configuration has none, the fallback follows. What is required() as well must be in one
  // of the two places.
  consteval Parameter from_config(std::string_view key) const {
    Parameter p = *this;
    p.is_from_config = true;
    p.config_key = key;
    return p;
  }

  // The only values allowed, at most max_choices.
  template <class... Text>
  consteval Parameter choices(Text... texts) const {
    Parameter p = *this;
    for (std::string_view text : {std::string_view(texts)...}) {
      if (p.choice_count == max_choices) return p.mistaken(detail::Mistake::too_many_choices);
      p.choice_texts[p.choice_count++] = text;
    }
    return p;
  }

  // What shells offer as values: of each line that `jetpack COMMAND` prints the first word, or the
  // key of "key = value". COMMAND may have options: "condition list --names". Other values are
  // allowed, too. The command must read and print only; it is given two seconds.
  consteval Parameter values_from(std::string_view command) const {
    Parameter p = *this;
    p.source = command;
    return p;
  }

  // A whole number from `least` to `most`.
  consteval Parameter integer(int64_t least = INT64_MIN, int64_t most = INT64_MAX) const {
    Parameter p = typed();
    p.type = JP_INTEGER;
    p.min = least;
    p.max = most;
    return p;
  }

  // A duration: "90" (seconds), "250ms", "10m", "6h", "2d".
  consteval Parameter duration() const {
    Parameter p = typed();
    p.type = JP_DURATION;
    p.min = 0;
    return p;
  }

  // May be left out. An argument is required otherwise.
  consteval Parameter optional() const {
    Parameter p = *this;
    p.is_required = false;
    return p;
  }

  // An option that must be given.
  consteval Parameter required() const {
    Parameter p = *this;
    p.is_required = true;
    return p;
  }

  // May be given several times; as an argument it takes all that is left.
  consteval Parameter repeated() const {
    Parameter p = *this;
    p.is_repeated = true;
    return p;
  }

  // A flag that --no-NAME turns off.
  consteval Parameter negatable() const {
    Parameter p = *this;
    p.is_negatable = true;
    return p;
  }

 private:
  // Mistakes are kept until JETPACK_PLUGIN has the whole declaration: only there can both g++ and
  // clang++ be made to say what is wrong.
  consteval Parameter mistaken(detail::Mistake what) const {
    Parameter p = *this;
    p.mistake = what;
    return p;
  }

  // A copy that can get a type.
  consteval Parameter typed() const {
    if (type == JP_FLAG) return mistaken(detail::Mistake::flag_with_value);
    return type == JP_TEXT ? *this : mistaken(detail::Mistake::two_types);
  }
};

// --name, -letter: true when given.
consteval Parameter flag(std::string_view name, char letter, std::string_view help) {
  Parameter p;
  p.name = name;
  p.letter = letter;
  p.type = JP_FLAG;
  p.help = help;
  return p;
}
consteval Parameter flag(std::string_view name, std::string_view help) {
  return flag(name, 0, help);
}

// --name VALUE, --name=VALUE, -l VALUE.
consteval Parameter option(std::string_view name, char letter, std::string_view metavar,
                           std::string_view help) {
  Parameter p;
  p.name = name;
  p.letter = letter;
  p.metavar = metavar;
  p.help = help;
  return p;
}
consteval Parameter option(std::string_view name, std::string_view metavar, std::string_view help) {
  return option(name, 0, metavar, help);
}

// A positional argument, required unless optional(). By custom its name is in capitals.
consteval Parameter argument(std::string_view name, std::string_view help) {
  Parameter p;
  p.name = name;
  p.is_argument = true;
  p.is_required = true;
  p.metavar = name;
  p.help = help;
  return p;
}

// A command line that works, with what it does.
struct Example {
  std::string_view line;
  std::string_view help;
};
consteval Example example(std::string_view line, std::string_view help) { return {line, help}; }

// Paragraphs for `jetpack help COMMAND`, below the summary.
struct Description {
  std::string_view text;
};
consteval Description description(std::string_view text) { return {text}; }

// Services that the plugin cannot do without; it is refused where one is missing.
struct Needs {
  static constexpr size_t max = 8;

  std::array<std::string_view, max> ids{};
  size_t count = 0;
};
template <class... Service>
consteval Needs needs() {
  static_assert(sizeof...(Service) <= Needs::max, "a plugin needs more than 8 services");
  return {{Service::id...}, sizeof...(Service)};
}

// Runs the command and returns the exit code. Throws Error to fail with a message.
using Run = int (*)(const Call& call);

struct Command {
  static constexpr size_t max_parameters = 24, max_examples = 12;

  std::string_view name;  // one to three words: "condition set", "hub node add"
  std::string_view summary;
  Run run = nullptr;
  std::string_view description_text;
  std::array<Parameter, max_parameters> parameters{};
  size_t parameter_count = 0;
  std::array<Example, max_examples> examples{};
  size_t example_count = 0;
  detail::Mistake mistake = detail::Mistake::none;  // the first
  size_t mistaken = max_parameters;                 // which parameter has it; else the command

  constexpr void add(const Parameter& p) {
    if (parameter_count == max_parameters) {
      mistake = detail::Mistake::too_many_parameters;
    } else {
      parameters[parameter_count++] = p;
    }
  }
  constexpr void add(const Example& e) {
    if (example_count == max_examples) {
      mistake = detail::Mistake::too_many_examples;
    } else {
      examples[example_count++] = e;
    }
  }
  constexpr void add(const Description& d) {
    if (!description_text.empty()) mistake = detail::Mistake::two_descriptions;
    description_text = d.text;
  }
  template <class Part>
  constexpr void add(const Part&) {
    static_assert(
        sizeof(Part) == 0,
        "a command's parts are flag(), option(), argument(), example() and description()");
  }
};

}  // namespace jetpack

#include <jetpack/detail/check.hpp>

namespace jetpack {

// Declares a command: its name, a one-line summary, the function that runs it, and then, in any
// order, flag(), option(), argument(), example() and description().
template <class... Part>
consteval Command command(std::string_view name, std::string_view summary, Run run,
                          const Part&... parts) {
  Command c;
  c.name = name;
  c.summary = summary;
  c.run = run;
  (c.add(parts), ...);
  detail::check(c);
  return c;
}

}  // namespace jetpack
