// `jetpack completion`: scripts for shells, and the candidates that they ask for.
#include <algorithm>

#include "cli/answer.hpp"
#include "commands/commands.hpp"
#include "support/text.hpp"

namespace jetpack::commands {

namespace {

// All three pass the words behind "jetpack", the last being the one at the cursor. What they get is
// a candidate a line, with a description behind a tab. Without candidates they complete files.
constexpr std::string_view bash_script = R"sh(_jetpack() {
  local IFS=$'\n'
  COMPREPLY=($(jetpack completion words -- "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null | cut -f1))
}
complete -o default -F _jetpack jetpack
)sh";

constexpr std::string_view zsh_script = R"sh(#compdef jetpack
_jetpack() {
  local -a candidates
  candidates=(${(f)"$(jetpack completion words -- "${(@)words[2,CURRENT]}" 2>/dev/null |
    sed 's/:/\\:/g; s/\t/:/')"})
  if (( $#candidates )); then _describe jetpack candidates; else _files; fi
}
# From a directory of $fpath, this file itself is the first call.
if [ "${funcstack[1]-}" = _jetpack ]; then _jetpack; else compdef _jetpack jetpack; fi
)sh";

constexpr std::string_view fish_script =
    "complete -c jetpack -a '(jetpack completion words -- (commandline -opc)[2..-1] "
    "(commandline -ct) 2>/dev/null)'\n";

// The candidates for one word.
class Candidates {
 public:
  explicit Candidates(std::string word) : word_(std::move(word)) {}

  void add(const std::string& candidate, std::string_view description = {}) {
    if (!candidate.starts_with(word_)) return;
    const std::string line =
        candidate + (description.empty() ? "" : '\t' + support::one_line(description)) + '\n';
    const auto is_there = [&](const std::string& other) {
      return other.substr(0, other.find_first_of("\t\n")) == candidate;
    };
    if (std::none_of(lines_.begin(), lines_.end(), is_there)) lines_.push_back(line);
  }

  void add_choices(const std::vector<std::string>& choices) {
    for (const auto& choice : choices) add(choice);
  }

  // The next words of the commands that begin with `words`.
  void add_commands(const std::vector<std::string>& words, Registry& registry) {
    std::string prefix;
    for (const auto& word : words) prefix += word + ' ';
    for (const auto& command : registry.commands()) {
      if (!command.name.starts_with(prefix)) continue;
      const auto rest = command.name.substr(prefix.size());
      const size_t end = rest.find(' ');
      const bool is_group = end != std::string_view::npos;
      add(std::string(rest.substr(0, end)), is_group ? "" : command.summary);
    }
  }

  void add_options(const CommandNote& command) {
    for (const auto& option : command.options) {
      add("--" + option.name, option.help);
      if (option.negatable) add("--no-" + option.name, option.help);
    }
    add("--help", "Show how the command is used");
  }

  std::string text() const {
    std::string all;
    for (const auto& line : lines_) all += line;
    return all;
  }

 private:
  std::string word_;
  std::vector<std::string> lines_;
};

const ParameterNote* option_of(const CommandNote& command, std::string_view word) {
  const auto is_it = [&](const ParameterNote& option) {
    return word == "--" + option.name ||
           (option.letter != 0 && word == std::string("-") + option.letter);
  };
  const auto found = std::find_if(command.options.begin(), command.options.end(), is_it);
  return found == command.options.end() || found->type == JP_FLAG ? nullptr : &*found;
}

// The argument that the word behind `words` is for; nullptr: none, or one that was given.
const ParameterNote* argument_at(const CommandNote& command,
                                 const std::vector<std::string>& words) {
  size_t index = 0;
  for (size_t i = 0; i < words.size(); ++i) {
    if (option_of(command, words[i]) != nullptr) {
      ++i;
    } else if (!words[i].starts_with('-')) {
      ++index;
    }
  }
  if (command.arguments.empty()) return nullptr;
  if (index < command.arguments.size()) return &command.arguments[index];
  return command.arguments.back().repeated ? &command.arguments.back() : nullptr;
}

std::string candidates_for(std::vector<std::string> words, Registry& registry) {
  if (words.empty()) return {};
  Candidates candidates(words.back());
  const std::string word = words.back();
  words.pop_back();
  const auto found = registry.find(words);
  if (found.plugin == nullptr || !found.plugin->note || found.words == 0) {
    candidates.add_commands(words, registry);
    if (words.empty()) candidates.add("--help"), candidates.add("--version");
    return candidates.text();
  }
  const std::vector<std::string> rest(words.begin() + static_cast<std::ptrdiff_t>(found.words),
                                      words.end());
  const CommandNote command = found.plugin->note->command(found.name);
  if (const auto* option = rest.empty() ? nullptr : option_of(command, rest.back())) {
    candidates.add_choices(option->choices);
  } else if (word.starts_with('-')) {
    candidates.add_options(command);
  } else if (found.name == "help") {
    candidates.add_commands(rest, registry);
  } else {
    if (const auto* argument = argument_at(command, rest))
      candidates.add_choices(argument->choices);
    // "props" is a command, and the first word of others.
    if (rest.empty()) candidates.add_commands(words, registry);
  }
  return candidates.text();
}

}  // namespace

int completion(const Values& values, Registry& registry) {
  const auto shell = values.texts("SHELL").front();
  if (shell == "bash") return answer(bash_script);
  if (shell == "zsh") return answer(zsh_script);
  if (shell == "fish") return answer(fish_script);
  return answer(candidates_for(values.texts("WORD"), registry));
}

}  // namespace jetpack::commands
