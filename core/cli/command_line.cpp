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

#include "support/suggest.hpp"

namespace jetpack {

namespace {

namespace po = boost::program_options;

// The parser takes time in the square of the number of arguments.
constexpr size_t max_arguments = 10000;

po::options_description describe(const CommandNote& command) {
  po::options_description description;
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

bool takes_value(const CommandNote& command, std::string_view name) {
  return std::any_of(command.options.begin(), command.options.end(), [&](const auto& option) {
    return option.name == name && option.type != JP_FLAG;
  });
}

// The parser has no "--name=" with an empty value, but takes an empty argument of its own.
std::vector<std::string> split_empty_values(const CommandNote& command,
                                            std::vector<std::string> arguments) {
  std::vector<std::string> result;
  result.reserve(arguments.size());
  bool options = true;
  for (auto& argument : arguments) {
    if (argument == "--") options = false;
    const bool empty_value =
        options && argument.starts_with("--") && argument.ends_with('=') &&
        takes_value(command, std::string_view(argument).substr(2, argument.size() - 3));
    if (!empty_value) {
      result.push_back(std::move(argument));
      continue;
    }
    argument.pop_back();
    result.push_back(std::move(argument));
    result.emplace_back();
  }
  return result;
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
    return po::command_line_parser(split_empty_values(command, arguments))
        .options(description)
        .style(accepted)
        .run();
  } catch (const po::unknown_option& e) {
    throw UsageError(unknown_option(e.get_option_name(), command));
  } catch (const po::invalid_command_line_syntax& e) {
    const std::string option = e.get_option_name();
    if (e.kind() == po::invalid_syntax::missing_parameter)
      throw UsageError("option '" + option + "' needs a value");
    if (e.kind() == po::invalid_syntax::extra_parameter ||
        e.kind() == po::invalid_syntax::empty_adjacent_parameter)
      throw UsageError("option '" + option + "' takes no value");
    throw UsageError(e.what());
  } catch (const po::error& e) {
    throw UsageError(e.what());
  }
}

std::string join(const std::vector<std::string>& texts) {
  std::string joined;
  for (const auto& text : texts) joined += (joined.empty() ? "" : ", ") + text;
  return joined;
}

[[noreturn]] void invalid(const ParameterNote& parameter, const std::string& text,
                          const std::string& expected) {
  throw UsageError("Invalid " + parameter.name + ": " + text.substr(0, 200) + ": expected " +
                   expected);
}

std::string range(const ParameterNote& p) {
  if (p.min && p.max)
    return "a whole number from " + std::to_string(*p.min) + " to " + std::to_string(*p.max);
  if (p.min) return "a whole number, " + std::to_string(*p.min) + " or more";
  if (p.max) return "a whole number, " + std::to_string(*p.max) + " or less";
  return "a whole number";
}

int64_t to_integer(const ParameterNote& parameter, const std::string& text) {
  int64_t number = 0;
  const char* end = text.data() + text.size();
  const auto [rest, failure] = std::from_chars(text.data(), end, number);
  if (failure != std::errc{} || rest != end || (parameter.min && number < *parameter.min) ||
      (parameter.max && number > *parameter.max))
    invalid(parameter, text, range(parameter));
  return number;
}

int64_t to_milliseconds(const ParameterNote& parameter, const std::string& text) {
  static const std::map<std::string_view, int64_t> units = {
      {"", 1000}, {"ms", 1}, {"s", 1000}, {"m", 60'000}, {"h", 3'600'000}, {"d", 86'400'000}};
  int64_t number = 0;
  const char* end = text.data() + text.size();
  const auto [rest, failure] = std::from_chars(text.data(), end, number);
  const auto unit = units.find(std::string_view(rest, static_cast<size_t>(end - rest)));
  int64_t milliseconds = 0;
  if (failure != std::errc{} || unit == units.end() || number < 0 ||
      __builtin_mul_overflow(number, unit->second, &milliseconds))
    invalid(parameter, text, "a duration such as 90 (seconds), 10m, 6h or 2d");
  return milliseconds;
}

void check_choice(const ParameterNote& parameter, const std::string& text) {
  const auto& choices = parameter.choices;
  if (choices.empty() || std::find(choices.begin(), choices.end(), text) != choices.end()) return;
  invalid(parameter, text, "one of " + join(choices));
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

Values Values::parse(const CommandNote& command, const std::vector<std::string>& arguments) {
  if (arguments.size() > max_arguments)
    throw UsageError("too many arguments: " + std::to_string(arguments.size()) + ", and at most " +
                     std::to_string(max_arguments) + " are taken");
  const auto description = describe(command);
  const auto parsed = run_parser(command, arguments, description);
  Given given = sort_out(parsed);

  Values values;
  for (const auto& option : command.options) {
    auto texts = option.type == JP_FLAG ? flag_words(parsed, option.name)
                                        : std::move(given.options[option.name]);
    if (!option.repeated && texts.size() > 1) texts.erase(texts.begin(), texts.end() - 1);
    const bool is_given = !texts.empty();
    if (!is_given && option.required)
      throw UsageError("option '--" + option.name + "' is required");
    values.add(option, std::move(texts), is_given);
  }
  auto next = given.arguments.begin();
  for (const auto& argument : command.arguments) {
    const auto left = given.arguments.end() - next;
    const auto take = argument.repeated ? left : std::min<ptrdiff_t>(1, left);
    if (take == 0 && argument.required) throw UsageError("missing argument " + argument.name);
    values.add(argument, {next, next + take}, take > 0);
    next += take;
  }
  if (next != given.arguments.end())
    throw UsageError("too many arguments: '" + next->substr(0, 80) + "' is not expected");
  return values;
}

void Values::add(const ParameterNote& parameter, std::vector<std::string> given, bool is_given) {
  Slot& slot = slots_.emplace_back();
  slot.name = parameter.name;
  slot.texts = std::move(given);
  if (!is_given && parameter.fallback) slot.texts.push_back(*parameter.fallback);
  for (const auto& text : slot.texts) {
    check_choice(parameter, text);
    slot.borrowed.push_back({text.data(), text.size()});
    if (parameter.type == JP_FLAG) slot.numbers.push_back(text == "true" ? 1 : 0);
    if (parameter.type == JP_INTEGER) slot.numbers.push_back(to_integer(parameter, text));
    if (parameter.type == JP_DURATION) slot.numbers.push_back(to_milliseconds(parameter, text));
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
