// jetpack/testing/command_line.hpp: parses a command line as jetpack does, from the plugin's own
// declaration. Part of jetpack/testing.hpp; include that.
#pragma once

#include <jetpack/boundary.hpp>
#include <jetpack/json.hpp>

#include <charconv>
#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace jetpack::testing::detail {

inline std::string lower_case(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return lower;
}

// The checked values of one invocation, in the form that crosses to the plugin.
class CommandLine {
 public:
  // What the configuration has at a key, as text.
  using Configured = std::function<std::optional<std::string>(std::string_view key)>;

  // `declaration` is an entry of the note's "details". Throws Errc::usage.
  CommandLine(const Json& declaration, std::vector<std::string> words, const Configured& configured)
      : options_(declaration["options"].elements()),
        arguments_(declaration["arguments"].elements()) {
    sort_out(std::move(words));
    std::string missing;
    const auto add = [&](const Json& parameter, std::vector<std::string> texts) {
      if (texts.empty() && parameter["required"].bool_or(false))
        missing += (missing.empty() ? "" : " and ") + shown_name(parameter);
      add_value(parameter, std::move(texts), configured);
    };
    for (const Json& option : options_) add(option, given_[name_of(option)]);
    size_t next = 0;
    for (const Json& argument : arguments_) {
      const bool takes_all = argument["repeated"].bool_or(false);
      std::vector<std::string> texts;
      while (next < rest_.size() && (takes_all || texts.empty())) texts.push_back(rest_[next++]);
      add(argument, std::move(texts));
    }
    if (!missing.empty()) throw Error(Errc::usage, "missing " + missing);
    if (next < rest_.size())
      throw Error(Errc::usage, "too many arguments: unexpected '" + rest_[next] + "'");
  }
  CommandLine(const CommandLine&) = delete;
  CommandLine& operator=(const CommandLine&) = delete;

  const std::vector<const jp_value*>& raw() const { return raw_; }

 private:
  struct Slot {
    jp_value value{};
    std::string name;
    std::vector<std::string> texts;
    std::vector<jp_str> borrowed;
    std::vector<int64_t> numbers;
  };

  static std::string name_of(const Json& parameter) {
    return std::string(parameter["name"].text_or(""));
  }
  static std::string_view type_of(const Json& parameter) {
    return parameter["type"].text_or("text");
  }
  std::string shown_name(const Json& parameter) const {
    for (const Json& option : options_)
      if (&option == &parameter) return "--" + name_of(parameter);
    return name_of(parameter);
  }

  const Json* option_named(std::string_view name) const {
    for (const Json& option : options_)
      if (option["name"].text_or("") == name) return &option;
    return nullptr;
  }
  const Json* option_lettered(char letter) const {
    for (const Json& option : options_)
      if (option["letter"].text_or("") == std::string_view(&letter, 1)) return &option;
    return nullptr;
  }

  // The whole name that `name`, without dashes, is the beginning of.
  std::string completed(const std::string& name) const {
    std::vector<std::string> found;
    const auto look_at = [&](const std::string& known) {
      if (known == name) found = {known, ""};
      if (known.starts_with(name) && found.size() != 2) found.push_back(known);
    };
    for (const Json& option : options_) {
      look_at(name_of(option));
      if (found.size() == 2 && found[1].empty()) return name;
      if (option["negatable"].bool_or(false)) look_at("no-" + name_of(option));
      if (found.size() == 2 && found[1].empty()) return name;
    }
    if (found.size() > 1) throw Error(Errc::usage, "option '--" + name + "' is ambiguous");
    if (found.empty()) throw Error(Errc::usage, "unknown option '--" + name + "'");
    return found.front();
  }

  void sort_out(std::vector<std::string> words) {
    for (size_t i = 0; i < words.size(); ++i) {
      const std::string& word = words[i];
      if (word == "--") {
        rest_.insert(rest_.end(), words.begin() + static_cast<ptrdiff_t>(i) + 1, words.end());
        return;
      }
      if (is_argument(word)) {
        rest_.push_back(word);
      } else if (word.starts_with("--")) {
        take_long(word, words, i);
      } else {
        take_short(word, words, i);
      }
    }
  }

  // A word without a dash, "-", a negative number, or a text with a blank that begins no option.
  bool is_argument(const std::string& word) const {
    if (word.size() < 2 || word[0] != '-') return true;
    if (option_lettered(word[1]) != nullptr) return false;
    const bool is_number = word.find_first_not_of("0123456789.", 1) == std::string::npos;
    const bool is_option =
        word.starts_with("--") && option_named(word.substr(2, word.find('=') - 2));
    return is_number || (!is_option && word.find_first_of(" \t\n") != std::string::npos);
  }

  static std::string value_after(const std::string& option, const std::vector<std::string>& words,
                                 size_t& i) {
    if (i + 1 >= words.size()) throw Error(Errc::usage, "option '" + option + "' requires a value");
    return words[++i];
  }

  void take_long(const std::string& word, const std::vector<std::string>& words, size_t& i) {
    const size_t mark = word.find('=');
    const std::string name = completed(word.substr(2, mark == word.npos ? mark : mark - 2));
    const Json* option = option_named(name);
    const bool is_negated = option == nullptr;
    const std::string real = is_negated ? name.substr(3) : name;
    if (is_negated || type_of(*option) == "flag") {
      if (mark != word.npos) throw Error(Errc::usage, "option '--" + name + "' takes no value");
      given_[real].push_back(is_negated ? "false" : "true");
    } else {
      given_[real].push_back(mark != word.npos ? word.substr(mark + 1)
                                               : value_after("--" + name, words, i));
    }
  }

  void take_short(const std::string& word, const std::vector<std::string>& words, size_t& i) {
    for (size_t at = 1; at < word.size(); ++at) {
      const Json* option = option_lettered(word[at]);
      if (option == nullptr) throw Error(Errc::usage, "unknown option '" + word + "'");
      if (type_of(*option) == "flag") {
        given_[name_of(*option)].emplace_back("true");
        continue;
      }
      std::string value = word.substr(at + 1);
      if (value.starts_with('=')) value.erase(0, 1);
      const bool is_joined = at + 1 < word.size();
      given_[name_of(*option)].push_back(
          is_joined ? value : value_after("--" + name_of(*option), words, i));
      return;
    }
  }

  void add_value(const Json& parameter, std::vector<std::string> texts,
                 const Configured& configured) {
    Slot& slot = slots_.emplace_back();
    slot.name = name_of(parameter);
    const bool is_given = !texts.empty();
    if (!parameter["repeated"].bool_or(false) && texts.size() > 1)
      texts.erase(texts.begin(), texts.end() - 1);
    if (!is_given) {
      const auto value = parameter.has("from_config")
                             ? configured(parameter["from_config"].text_or(""))
                             : std::nullopt;
      if (value) {
        texts.push_back(*value);
      } else if (parameter.has("default")) {
        texts.emplace_back(parameter["default"].text_or(""));
      }
    }
    slot.texts = std::move(texts);
    slot.value.type = JP_TEXT;
    for (auto& text : slot.texts) {
      if (parameter.has("choices")) text = choice_of(parameter, text);
      slot.borrowed.push_back(boundary::borrow(text));
      if (type_of(parameter) == "flag") slot.numbers.push_back(text == "true" ? 1 : 0);
      if (type_of(parameter) == "integer") slot.numbers.push_back(integer_of(parameter, text));
      if (type_of(parameter) == "duration") slot.numbers.push_back(duration_of(parameter, text));
    }
    if (type_of(parameter) == "flag") slot.value.type = JP_FLAG;
    if (type_of(parameter) == "integer") slot.value.type = JP_INTEGER;
    if (type_of(parameter) == "duration") slot.value.type = JP_DURATION;
    slot.value.size = sizeof slot.value;
    slot.value.name = boundary::borrow(slot.name);
    slot.value.given = is_given ? 1 : 0;
    slot.value.count = static_cast<uint32_t>(slot.texts.size());
    slot.value.texts = slot.borrowed.data();
    slot.value.numbers = slot.numbers.empty() ? nullptr : slot.numbers.data();
    raw_.push_back(&slot.value);
  }

  [[noreturn]] static void invalid(const Json& parameter, const std::string& text,
                                   const std::string& advice) {
    throw Error(Errc::usage, "Invalid " + name_of(parameter) + ": " + text + "; " + advice);
  }

  static std::string choice_of(const Json& parameter, const std::string& text) {
    const auto& choices = parameter["choices"].elements();
    std::string all;
    for (size_t i = 0; i < choices.size(); ++i) {
      const std::string choice(choices[i].text_or(""));
      if (lower_case(choice) == lower_case(text)) return choice;
      all += (i == 0 ? "" : i + 1 == choices.size() ? " or " : ", ") + choice;
    }
    invalid(parameter, text, "use " + all);
  }

  static int64_t integer_of(const Json& parameter, const std::string& text) {
    int64_t number = 0;
    const char* end = text.data() + text.size();
    const auto [rest, failure] = std::from_chars(text.data(), end, number);
    const bool is_number = failure == std::errc{} && rest == end;
    if (is_number && number >= parameter["min"].integer_or(INT64_MIN) &&
        number <= parameter["max"].integer_or(INT64_MAX))
      return number;
    std::string range = "a whole number";
    const auto bound = [&](const char* name) {
      return std::to_string(parameter[name].integer_or(0));
    };
    const bool has_min = parameter.has("min"), has_max = parameter.has("max");
    if (has_min && has_max) range += " from " + bound("min") + " to " + bound("max");
    if (has_min && !has_max) range += ", " + bound("min") + " or more";
    if (!has_min && has_max) range += ", " + bound("max") + " or less";
    invalid(parameter, text, "expected " + range);
  }

  static int64_t duration_of(const Json& parameter, const std::string& text) {
    static const std::map<std::string_view, int64_t> units = {
        {"", 1000}, {"ms", 1}, {"s", 1000}, {"m", 60'000}, {"h", 3'600'000}, {"d", 86'400'000}};
    int64_t number = 0, milliseconds = 0;
    const char* end = text.data() + text.size();
    const auto [rest, failure] = std::from_chars(text.data(), end, number);
    const auto unit = units.find(std::string_view(rest, static_cast<size_t>(end - rest)));
    if (failure != std::errc{} || unit == units.end() || number < 0 ||
        __builtin_mul_overflow(number, unit->second, &milliseconds))
      invalid(parameter, text, "expected a duration such as 90 (seconds), 10m, 6h or 2d");
    return milliseconds;
  }

  const std::vector<Json>& options_;
  const std::vector<Json>& arguments_;
  std::map<std::string, std::vector<std::string>> given_;
  std::vector<std::string> rest_;
  std::list<Slot> slots_;  // a list, because the ABI points into its elements
  std::vector<const jp_value*> raw_;
};

}  // namespace jetpack::testing::detail
