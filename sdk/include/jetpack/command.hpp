// jetpack/command.hpp: how a plugin declares its commands, once, as compile-time values from which
// help, usage errors, completion and the values handed to the command are all made. [compile-time]
#pragma once

#include <jetpack/call.hpp>

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
  std::string_view metavar;  // how the value is named in help: "SECONDS"
  std::string_view help;
  std::string_view fallback_text;
  std::string_view source;  // see values_from
  std::array<std::string_view, max_choices> choice_texts{};
  size_t choice_count = 0;
  int64_t min = INT64_MIN, max = INT64_MAX;

  // The value when none is given.
  consteval Parameter fallback(std::string_view text) const {
    Parameter p = *this;
    p.has_fallback = true;
    p.fallback_text = text;
    return p;
  }

  // The only values allowed.
  template <class... Text>
  consteval Parameter choices(Text... texts) const {
    static_assert(sizeof...(Text) <= max_choices, "too many choices");
    Parameter p = *this;
    for (std::string_view text : {std::string_view(texts)...})
      p.choice_texts[p.choice_count++] = text;
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
    Parameter p = *this;
    p.type = JP_INTEGER;
    p.min = least;
    p.max = most;
    return p;
  }

  // A duration: "90" (seconds), "250ms", "10m", "6h", "2d".
  consteval Parameter duration() const {
    Parameter p = *this;
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
  std::array<std::string_view, 8> ids{};
  size_t count = 0;
};
template <class... Service>
consteval Needs needs() {
  return {{Service::id...}, sizeof...(Service)};
}

// Runs the command and returns the exit code. Throws Error to fail with a message.
using Run = int (*)(const Call& call);

struct Command {
  std::string_view name;  // one to three words: "condition set", "hub node add"
  std::string_view summary;
  Run run = nullptr;
  std::string_view description_text;
  std::array<Parameter, 24> parameters{};
  size_t parameter_count = 0;
  std::array<Example, 12> examples{};
  size_t example_count = 0;

  constexpr void add(const Parameter& p) { parameters.at(parameter_count++) = p; }
  constexpr void add(const Example& e) { examples.at(example_count++) = e; }
  constexpr void add(const Description& d) { description_text = d.text; }
};

namespace detail {

// Whether it is one to `words` lower-case words.
constexpr bool is_name(std::string_view text, size_t words) {
  bool letter = false;
  for (const char c : text) {
    if (c >= 'a' && c <= 'z') {
      letter = true;
    } else if (c == ' ' && words > 1 && letter) {
      --words;
      letter = false;
    } else if (!(letter && ((c >= '0' && c <= '9') || c == '-' || c == '_'))) {
      return false;
    }
  }
  return letter;
}

// A throw that a consteval function reaches is a compile-time error which shows the text.
constexpr void require(bool holds, const char* what) {
  if (!holds) throw what;
}

constexpr void check_parameter(const Command& command, size_t index) {
  const Parameter& p = command.parameters.at(index);
  require(!p.name.empty(), "a parameter has no name");
  require(p.is_argument || is_name(p.name, 1), "an option's name is lower-case letters, - or _");
  require(p.name != "help" && p.letter != 'h', "--help and -h are the host's");
  require(p.is_negatable ? p.type == JP_FLAG : true, "only a flag can be negatable");
  require(!(p.is_repeated && p.type == JP_FLAG), "a flag cannot be repeated");
  require(!(p.has_fallback && p.is_required), "what has a fallback cannot be required");
  if (p.choice_count > 0 && p.has_fallback) {
    bool found = false;
    for (size_t i = 0; i < p.choice_count; ++i) found |= p.choice_texts[i] == p.fallback_text;
    require(found, "the fallback is not among the choices");
  }
  for (size_t i = 0; i < index; ++i) {
    const Parameter& earlier = command.parameters.at(i);
    require(earlier.name != p.name, "two parameters have the same name");
    require(p.letter == 0 || earlier.letter != p.letter, "two options have the same letter");
    if (p.is_argument && earlier.is_argument) {
      require(!earlier.is_repeated, "an argument follows one that takes all that is left");
      require(earlier.is_required || !p.is_required, "a required argument follows an optional one");
    }
  }
}

}  // namespace detail

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
  detail::require(detail::is_name(name, 3), "a command's name is one to three lower-case words");
  detail::require(!summary.empty(), "a command needs a summary");
  for (size_t i = 0; i < c.parameter_count; ++i) detail::check_parameter(c, i);
  return c;
}

}  // namespace jetpack
