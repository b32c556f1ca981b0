// A command's arguments, parsed and checked against its declaration.
#include "cli/command_line.hpp"

#include <algorithm>
#include <charconv>
#include <map>
#include <optional>

#include <boost/program_options/cmdline.hpp>
#include <boost/program_options/errors.hpp>
#include <boost/program_options/options_description.hpp>
#include <boost/program_options/parsers.hpp>
#include <boost/program_options/value_semantic.hpp>

#include <jetpack/detail/values.hpp>
#include <jetpack/error.hpp>
#include "loader/refusal.hpp"
#include "support/suggest.hpp"
#include "support/text.hpp"

namespace jetpack {

namespace {

namespace po = boost::program_options;

// The parser's time grows with the square of the number of arguments.
constexpr size_t max_arguments = 10000;

// Of a command that is given no option, none is described: that takes longer than all else here.
po::options_description describe(const CommandNote& command,
                                 const std::vector<std::string>& arguments) {
  po::options_description description;
  if (std::none_of(arguments.begin(), arguments.end(),
                   [](const std::string& word) { return word.starts_with('-'); }))
    return description;
  for (const auto& option : command.options) {
    std::string names = option.name;
    if (option.letter != 0) names += std::string(",") + option.letter;
    auto add = description.add_options();
    if (option.type != JP_FLAG) {
      add(names.c_str(), po::value<std::string>());
      continue;
    }
    add(names.c_str(), "");
    if (option.negatable) add(("no-" + option.name).c_str(), "");
  }
  return description;
}

const ParameterNote* option_named(const CommandNote& command, std::string_view name) {
  for (const auto& option : command.options)
    if (option.name == name) return &option;
  return nullptr;
}

const ParameterNote* option_lettered(const CommandNote& command, char letter) {
  for (const auto& option : command.options)
    if (option.letter == letter) return &option;
  return nullptr;
}

// The options that `word` is made of, "--name", "-l", or "-abl" for several; none when it holds
// anything else, such as the value of one.
std::vector<const ParameterNote*> options_in(const CommandNote& command, std::string_view word) {
  std::vector<const ParameterNote*> options;
  if (word.starts_with("--")) {
    if (const auto* option = option_named(command, word.substr(2))) options.push_back(option);
    return options;
  }
  if (!word.starts_with('-')) return options;
  for (const char letter : word.substr(1)) {
    const auto* option = option_lettered(command, letter);
    if (option == nullptr || (!options.empty() && options.back()->type != JP_FLAG)) return {};
    options.push_back(option);
  }
  return options;
}

// Whether the word after `word` is the value of an option, whatever it looks like.
bool wants_next(const CommandNote& command, std::string_view word) {
  const auto options = options_in(command, word);
  return !options.empty() && options.back()->type != JP_FLAG;
}

bool is_negative_number(std::string_view word) {
  double number = 0;
  const char* end = word.data() + word.size();
  const bool has_digit = word.find_first_of("0123456789") <= 2;
  return has_digit && std::from_chars(word.data(), end, number).ptr == end;
}

// Whether a word is an argument although it begins with a dash: as argparse has it, a negative
// number or text with a blank that begins with no declared option.
bool is_argument(const CommandNote& command, std::string_view word) {
  if (word.size() < 2 || word[0] != '-' || option_lettered(command, word[1]) != nullptr)
    return false;
  if (!options_in(command, word.substr(0, word.find('='))).empty()) return false;
  return is_negative_number(word) || word.find_first_of(" \t\n") != std::string_view::npos;
}

// "a, b and c"
std::string join(const std::vector<std::string>& texts, const std::string& last) {
  std::string joined;
  for (size_t i = 0; i < texts.size(); ++i)
    joined += (i == 0 ? "" : i + 1 == texts.size() ? ' ' + last + ' ' : ", ") + texts[i];
  return joined;
}

// The word with the name of its option in full: "--level=warn" for "--lev=warn". As it is when it
// begins no option. Throws UsageError when it begins several.
std::string completed(const CommandNote& command, const std::string& word) {
  const std::string name = word.substr(0, word.find('='));
  if (!name.starts_with("--") || name.size() == 2) return word;
  std::vector<std::string> names{"--help"};
  for (const auto& option : command.options) {
    names.push_back("--" + option.name);
    if (option.negatable) names.push_back("--no-" + option.name);
  }
  if (std::find(names.begin(), names.end(), name) != names.end()) return word;
  std::erase_if(names, [&](const std::string& known) { return !known.starts_with(name); });
  if (names.size() > 1)
    throw UsageError("option '" + name + "' is ambiguous: " + join(names, "or"));
  return names.empty() ? word : names.front() + word.substr(name.size());
}

po::option given(const std::string& name, std::vector<std::string> value) {
  po::option option;
  option.string_key = name;
  option.value = std::move(value);
  option.original_tokens = option.value;
  return option;
}

// Decides of the first of `words`, before the parser does, where its own rules differ from ours.
std::vector<po::option> take_word(const CommandNote& command, std::vector<std::string>& words) {
  const std::string word = words.front() = completed(command, words.front());
  const size_t mark = word.find('=');
  const std::string name = word.substr(0, mark);
  const bool has_value = mark != std::string::npos;
  std::vector<po::option> taken;
  if (is_argument(command, word)) {
    taken.push_back(given("", {word}));
  } else if (wants_next(command, name) && (has_value || words.size() > 1)) {
    for (const auto* option : options_in(command, name)) taken.push_back(given(option->name, {}));
    taken.back().value.push_back(has_value ? word.substr(mark + 1) : words[1]);
    if (!has_value) words.erase(words.begin());
  }
  if (!taken.empty()) words.erase(words.begin());
  return taken;
}

std::string unknown_option(const std::string& token, const CommandNote& command) {
  const std::string name = token.substr(0, token.find('=')).substr(0, 80);
  std::vector<std::string_view> names{"help"};
  for (const auto& option : command.options) names.push_back(option.name);
  const size_t dashes = std::min(name.find_first_not_of('-'), name.size());
  const std::string meant = support::nearest(name.substr(dashes), names);
  return "unknown option '" + name + "'" +
         (meant.empty() ? "" : "; did you mean '--" + meant + "'?");
}

po::parsed_options run_parser(const CommandNote& command, const std::vector<std::string>& arguments,
                              const po::options_description& description) {
  namespace style = po::command_line_style;
  constexpr int accepted = style::allow_long | style::long_allow_adjacent | style::long_allow_next |
                           style::allow_short | style::allow_dash_for_short |
                           style::short_allow_adjacent | style::short_allow_next |
                           style::allow_sticky;
  try {
    return po::command_line_parser(arguments)
        .options(description)
        .style(accepted)
        .extra_style_parser(
            [&](std::vector<std::string>& words) { return take_word(command, words); })
        .run();
  } catch (const po::unknown_option& e) {
    throw UsageError(unknown_option(e.get_option_name(), command));
  } catch (const po::invalid_command_line_syntax& e) {
    const std::string option = e.get_option_name();
    if (e.kind() == po::invalid_syntax::missing_parameter)
      throw UsageError("option '" + option + "' requires a value");
    if (e.kind() == po::invalid_syntax::extra_parameter ||
        e.kind() == po::invalid_syntax::empty_adjacent_parameter)
      throw UsageError("option '" + option + "' takes no value");
    throw UsageError(e.what());
  } catch (const po::error& e) {
    throw UsageError(e.what());
  }
}

std::string range(const ParameterNote& p) {
  if (p.min && p.max)
    return "a whole number from " + std::to_string(*p.min) + " to " + std::to_string(*p.max);
  if (p.min) return "a whole number, " + std::to_string(*p.min) + " or more";
  if (p.max) return "a whole number, " + std::to_string(*p.max) + " or less";
  return "a whole number";
}

// As the command line has it: "--count", "NODE".
std::string shown_name(const ParameterNote& parameter) {
  return (parameter.is_argument ? "" : "--") + parameter.name;
}

// What a value must be that is not valid.
struct NotValid {
  std::string advice;
};

// As a number, for the types that have one. Throws NotValid.
std::optional<int64_t> number_of(const ParameterNote& parameter, const std::string& text) {
  if (parameter.type == JP_FLAG) {
    if (text != "true" && text != "false") throw NotValid{"expected true or false"};
    return text == "true" ? 1 : 0;
  }
  if (parameter.type == JP_INTEGER) {
    const auto number = detail::integer_in(text);
    if (!number || (parameter.min && *number < *parameter.min) ||
        (parameter.max && *number > *parameter.max))
      throw NotValid{"expected " + range(parameter)};
    return number;
  }
  if (parameter.type != JP_DURATION) return std::nullopt;
  const auto milliseconds = detail::milliseconds_in(text);
  if (!milliseconds) throw NotValid{"expected a duration such as 90 (seconds), 10m, 6h or 2d"};
  return milliseconds;
}

// The choice that `text` is, in whatever case it was typed, as it was declared. Throws NotValid.
const std::string& choice_of(const ParameterNote& parameter, const std::string& text) {
  for (const auto& choice : parameter.choices)
    if (support::lower_case(choice) == support::lower_case(text)) return choice;
  throw NotValid{"use " + join(parameter.choices, "or")};
}

// Where a value comes from.
enum class ValueSource { arguments, configuration, declaration };

[[noreturn]] void refuse_value(const ParameterNote& parameter, ValueSource source,
                               const std::string& text, const std::string& advice) {
  const std::string shown = text.substr(0, 200);
  if (source == ValueSource::configuration)
    throw Error(Errc::failed, "invalid value of " + parameter.from_config +
                                  " in the configuration: " + shown + "; " + advice + ", or give " +
                                  shown_name(parameter) + " to override it");
  if (source == ValueSource::declaration)
    throw Refusal("its note is faulty: the default of '" + parameter.name + "' is '" + shown +
                  "'; " + advice);
  // The beginning is what callers of the reference know: "Invalid level: fatal".
  throw UsageError("Invalid " + parameter.name + ": " + shown + "; " + advice);
}

struct Given {
  std::map<std::string, std::vector<std::string>> options;
  std::vector<std::string> arguments;
};

Given sort_out(const po::parsed_options& parsed) {
  Given given;
  for (const auto& option : parsed.options) {
    if (option.string_key.empty()) {
      given.arguments.insert(given.arguments.end(), option.value.begin(), option.value.end());
    } else if (option.value.empty()) {
      given.options[option.string_key].emplace_back("true");
    } else {
      given.options[option.string_key].push_back(option.value.front());
    }
  }
  return given;
}

// The words of "--name" and "--no-name", in the order given, as "true" and "false".
std::vector<std::string> flag_words(const po::parsed_options& parsed, const std::string& name) {
  std::vector<std::string> words;
  for (const auto& option : parsed.options) {
    if (option.string_key == name) words.emplace_back("true");
    if (option.string_key == "no-" + name) words.emplace_back("false");
  }
  return words;
}

}  // namespace

bool asks_for_help(const CommandNote& command, const std::vector<std::string>& arguments) {
  for (size_t i = 0; i < arguments.size() && arguments[i] != "--"; ++i) {
    const std::string word = completed(command, arguments[i]);
    if (word == "-h" || word == "--help") return true;
    if (wants_next(command, word)) ++i;
  }
  return false;
}

Values Values::parse(const CommandNote& command, const std::vector<std::string>& arguments,
                     const Configured& configured) {
  if (arguments.size() > max_arguments)
    throw UsageError("too many arguments: " + std::to_string(arguments.size()) + "; the limit is " +
                     std::to_string(max_arguments));
  const auto description = describe(command, arguments);
  const auto parsed = run_parser(command, arguments, description);
  Given given = sort_out(parsed);

  Values values;
  std::vector<std::string> missing;
  const auto add = [&](const ParameterNote& parameter, std::vector<std::string> texts) {
    values.add(parameter, std::move(texts), configured);
    if (!parameter.required || values.raw_.back()->count > 0) return;
    missing.push_back(shown_name(parameter));
    if (!parameter.from_config.empty())
      missing.back() += " (or " + parameter.from_config + " in the configuration)";
  };
  for (const auto& option : command.options) {
    auto texts = option.type == JP_FLAG ? flag_words(parsed, option.name)
                                        : std::move(given.options[option.name]);
    if (!option.repeated && texts.size() > 1) texts.erase(texts.begin(), texts.end() - 1);
    add(option, std::move(texts));
  }
  auto next = given.arguments.begin();
  for (const auto& argument : command.arguments) {
    const auto left = given.arguments.end() - next;
    const auto take = argument.repeated ? left : std::min<ptrdiff_t>(1, left);
    add(argument, {next, next + take});
    next += take;
  }
  if (!missing.empty()) throw UsageError("missing " + join(missing, "and"));
  if (next != given.arguments.end())
    throw UsageError("too many arguments: unexpected '" + next->substr(0, 80) + "'");
  return values;
}

void Values::add(const ParameterNote& parameter, std::vector<std::string> given,
                 const Configured& configured) {
  Slot& slot = slots_.emplace_back();
  slot.name = parameter.name;
  slot.texts = std::move(given);
  ValueSource source = ValueSource::arguments;
  const bool is_given = !slot.texts.empty();
  if (!is_given && !parameter.from_config.empty() && configured) {
    source = ValueSource::configuration;
    slot.texts = configured(parameter.from_config).value_or(std::vector<std::string>{});
    if (slot.texts.size() > 1 && !parameter.repeated)
      refuse_value(parameter, source, "a list", "expected one value");
  }
  if (slot.texts.empty() && parameter.fallback) {
    source = ValueSource::declaration;
    slot.texts.push_back(*parameter.fallback);
  }
  for (auto& text : slot.texts) {
    try {
      if (!parameter.choices.empty()) text = choice_of(parameter, text);
      if (const auto number = number_of(parameter, text)) slot.numbers.push_back(*number);
    } catch (const NotValid& fault) {
      refuse_value(parameter, source, text, fault.advice);
    }
    slot.borrowed.push_back({text.data(), text.size()});
  }
  slot.value.size = sizeof slot.value;
  slot.value.type = parameter.type;
  slot.value.name = {slot.name.data(), slot.name.size()};
  slot.value.given = is_given ? 1 : 0;
  slot.value.count = static_cast<uint32_t>(slot.texts.size());
  slot.value.texts = slot.borrowed.data();
  slot.value.numbers = slot.numbers.empty() ? nullptr : slot.numbers.data();
  raw_.push_back(&slot.value);
}

const Values::Slot* Values::find(std::string_view name) const {
  for (const auto& slot : slots_)
    if (slot.name == name) return &slot;
  return nullptr;
}

bool Values::flag(std::string_view name) const {
  const auto* slot = find(name);
  return slot != nullptr && !slot->numbers.empty() && slot->numbers.back() != 0;
}

std::vector<std::string> Values::texts(std::string_view name) const {
  const auto* slot = find(name);
  return slot == nullptr ? std::vector<std::string>{} : slot->texts;
}

}  // namespace jetpack
