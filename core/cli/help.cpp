// Help texts, all made from notes.
#include "cli/help.hpp"

#include <algorithm>
#include <list>

namespace jetpack {

namespace {

constexpr size_t width = 80;
constexpr size_t widest_term = 24;

// Breaks a paragraph into lines of at most `columns`; existing line breaks stay.
std::vector<std::string> wrap(std::string_view text, size_t columns) {
  std::vector<std::string> lines;
  while (true) {
    const size_t end = text.find('\n');
    std::string_view rest = text.substr(0, end);
    std::string line;
    while (!rest.empty()) {
      const size_t space = rest.find(' ');
      const std::string_view word = rest.substr(0, space);
      if (!line.empty() && line.size() + 1 + word.size() > columns) {
        lines.push_back(line);
        line.clear();
      }
      if (!line.empty()) line += ' ';
      line += word;
      rest.remove_prefix(space == std::string_view::npos ? rest.size() : space + 1);
    }
    lines.push_back(line);
    if (end == std::string_view::npos) return lines;
    text.remove_prefix(end + 1);
  }
}

// Views, because a listing has many rows; what they show must outlive them.
struct Row {
  std::string_view term;
  std::string_view text;
};

// Two columns, the second wrapped; a term that is too wide stands on a line of its own.
std::string table(const std::vector<Row>& rows) {
  size_t column = 0;
  for (const auto& row : rows)
    if (row.term.size() <= widest_term) column = std::max(column, row.term.size());
  column += 4;
  std::string out;
  out.reserve(rows.size() * width);
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
      for (const auto& text : wrap(row.text, width - column)) add(text);
    }
  }
  return out;
}

std::string section(const char* title, const std::vector<Row>& rows) {
  return rows.empty() ? "" : std::string("\n") + title + ":\n" + table(rows);
}

std::string paragraphs(std::string_view text) {
  std::string out;
  for (const auto& line : wrap(text, width)) out += line + '\n';
  return out;
}

std::string metavar_of(const ParameterNote& option) {
  if (!option.metavar.empty()) return option.metavar;
  if (option.choices.empty()) return "VALUE";
  std::string joined;
  for (const auto& choice : option.choices) joined += (joined.empty() ? "{" : ",") + choice;
  return joined + "}";
}

std::string option_usage(const ParameterNote& option) {
  std::string text = "--" + option.name;
  if (option.negatable) text += "/--no-" + option.name;
  if (option.type != JP_FLAG) text += ' ' + metavar_of(option);
  return option.required ? text : '[' + text + ']';
}

std::string argument_usage(const ParameterNote& argument) {
  const std::string text = argument.name + (argument.repeated ? " ..." : "");
  return argument.required ? text : '[' + text + ']';
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
  if (parameter.fallback && !parameter.fallback->empty())
    text += " [default: " + *parameter.fallback + "]";
  return text;
}

// The first two words of a command of three, with their space; empty for others.
std::string_view group_of_two(std::string_view command) {
  const size_t first = command.find(' ');
  const size_t second = first == std::string_view::npos ? first : command.find(' ', first + 1);
  return second == std::string_view::npos ? std::string_view{} : command.substr(0, second + 1);
}

// Commands of three words are shown by their first two: "hub node ...  add, list, remove".
struct Groups {
  std::vector<Row> rows;
  std::list<std::string> texts;  // what rows show
};

Groups grouped(const std::vector<Registry::Listed>& commands) {
  Groups groups;
  groups.rows.reserve(commands.size());
  std::string_view last;
  for (const auto& command : commands) {
    const std::string_view group = group_of_two(command.name);
    if (group.empty()) {
      groups.rows.push_back({command.name, command.summary});
    } else if (group == last) {
      groups.texts.back().append(", ").append(command.name.substr(group.size()));
      groups.rows.back().text = groups.texts.back();
    } else {
      const auto& term = groups.texts.emplace_back(std::string(group) + "...");
      groups.rows.push_back({term, groups.texts.emplace_back(command.name.substr(group.size()))});
    }
    last = group;
  }
  return groups;
}

std::vector<Row> rows_of(const std::vector<Registry::Listed>& commands) {
  std::vector<Row> rows;
  rows.reserve(commands.size());
  for (const auto& command : commands) rows.push_back({command.name, command.summary});
  return rows;
}

}  // namespace

std::string overview(const std::vector<Registry::Listed>& commands) {
  return "usage: jetpack [-h|--help] [-v|--version] [--plugin-path DIR] COMMAND ...\n"
         "\n"
         "The agent of a node in an HPC cluster: its configuration, and its way to the\n"
         "cluster's server.\n" +
         section("commands", grouped(commands).rows) +
         "\n"
         "See 'jetpack help COMMAND' for the options of a command.\n";
}

std::string group_overview(const std::string& group,
                           const std::vector<Registry::Listed>& commands) {
  std::vector<Registry::Listed> own;
  for (const auto& command : commands)
    if (command.name.starts_with(group + ' ')) own.push_back(command);
  return "usage: jetpack " + group + " COMMAND ...\n" + section("commands", rows_of(own));
}

std::string usage_line(const CommandNote& command) {
  std::vector<std::string> parts;
  for (const auto& option : command.options) parts.push_back(option_usage(option));
  for (const auto& argument : command.arguments) parts.push_back(argument_usage(argument));
  const std::string start = "usage: jetpack " + command.name;
  std::string out;
  std::string line = start;
  for (const auto& part : parts) {
    if (line.size() + 1 + part.size() > width) {
      out += line + '\n';
      line = std::string(std::min<size_t>(start.size(), 20), ' ');
    }
    line += ' ' + part;
  }
  return out + line + '\n';
}

std::string command_help(const CommandNote& command) {
  std::string out = usage_line(command) + '\n' + paragraphs(command.summary);
  if (!command.description.empty()) out += '\n' + paragraphs(command.description);
  std::vector<std::string> texts;  // never grows beyond what is reserved: rows show its elements
  texts.reserve(command.arguments.size() + 2 * command.options.size());
  const auto keep = [&](std::string text) -> std::string_view {
    return texts.emplace_back(std::move(text));
  };
  std::vector<Row> arguments;
  for (const auto& argument : command.arguments)
    arguments.push_back({argument.name, keep(parameter_text(argument))});
  out += section("arguments", arguments);
  std::vector<Row> options;
  for (const auto& option : command.options)
    options.push_back({keep(option_term(option)), keep(parameter_text(option))});
  options.push_back({"-h, --help", "Show this help"});
  out += section("options", options);
  if (!command.examples.empty()) out += "\nexamples:\n";
  for (const auto& example : command.examples) {
    out += "  " + example.line + '\n';
    for (const auto& line : wrap(example.help, width - 6))
      if (!line.empty()) out += "      " + line + '\n';
  }
  return out;
}

}  // namespace jetpack
