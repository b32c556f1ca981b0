// Help texts, all made from notes.
#include "cli/help.hpp"

#include <sys/ioctl.h>

#include <algorithm>
#include <array>
#include <list>

namespace jetpack {

namespace {

constexpr size_t least_width = 60, most_width = 100;
constexpr size_t widest_term = 24;

// The groups of the overview, and the first words of the commands in each. What others provide comes
// last. A table, because nothing but the overview needs it: a note says what a command does.
struct Group {
  const char* title;
  std::array<std::string_view, 8> words;
};
constexpr std::array groups{
    Group{"Node", {"condition", "config", "doctor", "keepalive", "props", "status", "users"}},
    Group{"Cluster", {"autoscale", "log", "outbox", "send", "shutdown"}},
    Group{"Files and logs", {"download", "report_issue"}},
    Group{"Service",
          {"converge", "healthcheck", "initialize", "installation", "jetpackd", "join",
           "run_on_shutdown", "test"}},
    Group{"Hub", {"hub"}},
    Group{"Help and plugins", {"completion", "help", "plugin", "version"}},
};

// Which of the groups a command's first word belongs to; the number of groups for a plugin of a third party.
size_t group_of(std::string_view word) {
  for (size_t i = 0; i < groups.size(); ++i)
    for (const auto known : groups[i].words)
      if (known == word) return i;
  return groups.size();
}

// Breaks a paragraph into lines of at most `columns`; existing line breaks stay. The lines are parts
// of `text`.
std::vector<std::string_view> wrap(std::string_view text, size_t columns) {
  std::vector<std::string_view> lines;
  constexpr size_t usual = 4;
  lines.reserve(usual);
  while (true) {
    const size_t end = text.find('\n');
    std::string_view rest = text.substr(0, end);
    while (rest.size() > columns) {
      size_t space = rest.rfind(' ', columns);
      if (space == std::string_view::npos) space = rest.find(' ');
      if (space == std::string_view::npos) break;
      lines.push_back(rest.substr(0, space));
      rest.remove_prefix(space + 1);
    }
    lines.push_back(rest);
    if (end == std::string_view::npos) return lines;
    text.remove_prefix(end + 1);
  }
}

// Views, because a listing has many rows; what they show must outlive them.
struct Row {
  std::string_view term;
  std::string_view text;
};

// Below a title, two columns, the second wrapped; a term that is too wide stands on a line of its own.
std::string table(const char* title, const std::vector<Row>& rows, size_t width) {
  size_t column = 0;
  for (const auto& row : rows)
    if (row.term.size() <= widest_term) column = std::max(column, row.term.size());
  column += 4;
  std::string out;
  out.reserve((rows.size() + 2) * width);
  out.append("\n").append(title).append(":\n");
  for (const auto& row : rows) {
    out.append("  ").append(row.term);
    size_t filled = row.term.size() + 2;
    const auto add = [&](std::string_view text) {
      if (filled > column || (filled == 0 && text.empty())) {
        out += '\n';
        filled = 0;
      }
      if (!text.empty()) out.append(column - filled, ' ').append(text);
      out += '\n';
      filled = 0;
    };
    if (row.text.size() <= width - column && row.text.find('\n') == std::string_view::npos) {
      add(row.text);
    } else {
      for (const auto text : wrap(row.text, width - column)) add(text);
    }
  }
  return out;
}

std::string section(const char* title, const std::vector<Row>& rows, size_t width) {
  return rows.empty() ? "" : table(title, rows, width);
}

std::string paragraphs(std::string_view text, size_t width) {
  std::string out;
  for (const auto line : wrap(text, width)) out.append(line) += '\n';
  return out;
}

std::string metavar_of(const ParameterNote& option) {
  if (!option.metavar.empty()) return option.metavar;
  if (option.choices.empty()) return "VALUE";
  std::string joined;
  for (const auto& choice : option.choices) joined += (joined.empty() ? "{" : ",") + choice;
  return joined + "}";
}

// Whether the command line must have it: it cannot be in the configuration instead.
bool is_required_here(const ParameterNote& parameter) {
  return parameter.required && parameter.from_config.empty();
}

std::string option_usage(const ParameterNote& option) {
  std::string text = "--" + option.name;
  if (option.negatable) text += "/--no-" + option.name;
  if (option.type != JP_FLAG) text += ' ' + metavar_of(option);
  if (!is_required_here(option)) text = '[' + text + ']';
  return option.repeated ? text + "..." : text;
}

std::string argument_usage(const ParameterNote& argument) {
  const std::string text = argument.name + (argument.repeated ? " ..." : "");
  return is_required_here(argument) ? text : '[' + text + ']';
}

std::string option_term(const ParameterNote& option) {
  std::string term = option.letter == 0 ? "" : std::string("-") + option.letter + ", ";
  term += "--" + option.name;
  if (option.negatable) term += ", --no-" + option.name;
  if (option.type != JP_FLAG) term += ' ' + metavar_of(option);
  return term;
}

std::string parameter_text(const ParameterNote& parameter) {
  std::string text = parameter.help;
  std::string choices;
  for (const auto& choice : parameter.choices) choices += (choices.empty() ? "" : ", ") + choice;
  if (!choices.empty() && !parameter.metavar.empty()) text += " (" + choices + ")";
  const std::string fallback = parameter.fallback.value_or("");
  if (!parameter.from_config.empty()) {
    text += " [default: " + parameter.from_config + " of the configuration";
    if (!fallback.empty()) text += ", else " + fallback;
    text += ']';
  } else if (!fallback.empty()) {
    text += " [default: " + fallback + "]";
  }
  return text;
}

// Of an argument the usage line says as much.
std::string option_text(const ParameterNote& option) {
  std::string text = parameter_text(option);
  if (option.required) text += " [required]";
  if (option.repeated) text += " [can be repeated]";
  return text;
}

// "usage: jetpack log [--level LEVEL] MESSAGE", on as many lines as it takes.
std::string usage(const std::string& start, const std::vector<std::string>& parts, size_t width) {
  std::string out;
  std::string line = "usage: jetpack" + (start.empty() ? start : ' ' + start);
  const size_t indent = std::min<size_t>(line.size(), 20);
  for (const auto& part : parts) {
    if (line.size() + 1 + part.size() > width && line.size() > indent) {
      out += line + '\n';
      line = std::string(indent, ' ');
    }
    line += ' ' + part;
  }
  return out + line + '\n';
}

// Whether a command's name begins with the words of `group`, and has more.
bool is_below(std::string_view command, std::string_view group) {
  return command.size() > group.size() && command.starts_with(group) &&
         command[group.size()] == ' ';
}

// The first two words of a command of three, with their space; empty for others.
std::string_view group_of_two(std::string_view command) {
  const size_t first = command.find(' ');
  const size_t second = first == std::string_view::npos ? first : command.find(' ', first + 1);
  return second == std::string_view::npos ? std::string_view{} : command.substr(0, second + 1);
}

// Commands of three words are shown by their first two: "hub node ...  add, list, remove". Those of
// two words are, by their first, when there are many: "plugin ...  enable, info, install, ...".
struct Rows {
  std::array<std::vector<Row>, groups.size() + 1> of;
  std::list<std::string> texts;  // what rows show
};

// How many commands, from this one on, begin with its first word and have two.
size_t count_of_two(const std::vector<Registry::Listed>& commands, size_t from,
                    std::string_view word) {
  size_t i = from;
  while (i < commands.size() && is_below(commands[i].name, word) &&
         commands[i].name.find(' ', word.size() + 1) == std::string_view::npos)
    ++i;
  return i - from;
}

Rows grouped(const std::vector<Registry::Listed>& commands) {
  Rows rows;
  for (auto& list : rows.of) list.reserve(commands.size());
  std::string_view last, word;
  size_t at = 0;
  for (size_t i = 0; i < commands.size(); ++i) {
    const auto& command = commands[i];
    const std::string_view group = group_of_two(command.name);
    const bool is_first = word.empty() || !is_below(command.name, word);
    if (is_first) {
      word = command.name.substr(0, command.name.find(' '));
      at = group_of(word);
    }
    auto& list = rows.of.at(at);
    constexpr size_t many = 7;
    if (const size_t count = is_first ? count_of_two(commands, i, word) : 0; count >= many) {
      std::string& names = rows.texts.emplace_back();
      for (size_t end = i + count; i < end; ++i)
        names.append(names.empty() ? "" : ", ").append(commands[i].name.substr(word.size() + 1));
      --i;
      list.push_back({rows.texts.emplace_back(std::string(word) + " ..."), names});
      continue;
    }
    if (!group.empty() && group == last) {
      rows.texts.back().append(", ").append(command.name.substr(group.size()));
      list.back().text = rows.texts.back();
    } else if (!group.empty()) {
      const auto& term = rows.texts.emplace_back(std::string(group) + "...");
      list.push_back({term, rows.texts.emplace_back(command.name.substr(group.size()))});
    } else {
      size_t end = i + 1;
      while (end < commands.size() && is_below(commands[end].name, command.name)) ++end;
      list.push_back({command.name, command.summary});
      // "healthcheck" stands for its many.
      if (end - i > 3) i = end - 1;
    }
    last = group;
  }
  return rows;
}

std::vector<Row> rows_of(const std::vector<Registry::Listed>& commands) {
  std::vector<Row> rows;
  rows.reserve(commands.size());
  for (const auto& command : commands) rows.push_back({command.name, command.summary});
  return rows;
}

}  // namespace

size_t help_width(int fd) {
  winsize size{};
  if (::ioctl(fd, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return default_help_width;
  return std::clamp<size_t>(size.ws_col, least_width, most_width);
}

std::string overview(const std::vector<Registry::Listed>& commands, size_t width) {
  constexpr size_t usual = 4096;
  std::string out;
  out.reserve(usual);
  out += usage("", {"[-h|--help]", "[-v|--version]", "[--plugin-path DIR]", "COMMAND ..."}, width);
  out += '\n' + paragraphs(
                    "The agent of a node in an HPC cluster: its configuration, and its way to the "
                    "cluster's server.",
                    width);
  const Rows rows = grouped(commands);
  for (size_t i = 0; i < groups.size(); ++i) out += section(groups[i].title, rows.of[i], width);
  out += section("Plugins", rows.of.back(), width);
  out +=
      "\nSee 'jetpack help COMMAND' for the options of a command,\n"
      "'jetpack help settings' for the settings of a node, and\n"
      "'jetpack help files' for its files.\n";
  return out;
}

std::string group_overview(const std::string& group, const std::vector<Registry::Listed>& commands,
                           size_t width) {
  std::vector<Registry::Listed> own;
  for (const auto& command : commands)
    if (is_below(command.name, group)) own.push_back(command);
  return usage(group, {"COMMAND ..."}, width) + section("commands", rows_of(own), width);
}

std::string usage_line(const CommandNote& command, size_t width) {
  std::vector<std::string> parts;
  for (const auto& option : command.options) parts.push_back(option_usage(option));
  for (const auto& argument : command.arguments) parts.push_back(argument_usage(argument));
  return usage(command.name, parts, width);
}

std::string command_help(const CommandNote& command, size_t width) {
  std::string out = usage_line(command, width) + '\n' + paragraphs(command.summary, width);
  if (!command.description.empty()) out += '\n' + paragraphs(command.description, width);
  std::vector<std::string> texts;  // never grows beyond what is reserved: rows show its elements
  texts.reserve(command.arguments.size() + 2 * command.options.size());
  const auto keep = [&](std::string text) -> std::string_view {
    return texts.emplace_back(std::move(text));
  };
  std::vector<Row> arguments;
  for (const auto& argument : command.arguments)
    arguments.push_back({argument.name, keep(parameter_text(argument))});
  out += section("arguments", arguments, width);
  std::vector<Row> options;
  for (const auto& option : command.options)
    options.push_back({keep(option_term(option)), keep(option_text(option))});
  options.push_back({"-h, --help", "Show this help"});
  out += section("options", options, width);
  if (!command.examples.empty()) out += "\nexamples:\n";
  for (const auto& example : command.examples) {
    out += "  " + example.line + '\n';
    for (const auto line : wrap(example.help, width - 6))
      if (!line.empty()) out.append("      ").append(line) += '\n';
  }
  return out;
}

}  // namespace jetpack
