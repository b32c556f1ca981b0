// `jetpack completion`: scripts for shells, and the candidates that they ask for.
#include <algorithm>
#include <chrono>
#include <set>

#include <jetpack/process.hpp>

#include "cli/answer.hpp"
#include "commands/commands.hpp"
#include "services/process/process_service.hpp"
#include "support/program.hpp"
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

bool is_plain(char c) {
  constexpr std::string_view marks = "._-+@%/:,";
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         marks.find(c) != std::string_view::npos;
}

// What a command of ours prints; "" when it fails or takes too long.
std::string output_of(const std::string& command) {
  constexpr std::chrono::seconds deadline{2};
  constexpr uint64_t max_output = 4 << 20;
  ProcessSpec spec;
  spec.argv = {support::program_path()};
  for (size_t start = 0, end = 0; end != std::string::npos; start = end + 1) {
    end = command.find(' ', start);
    spec.argv.push_back(command.substr(start, end - start));
  }
  spec.deadline = deadline;
  spec.capture_bytes = max_output;
  const auto result = Process(process_service()).run(spec);
  return result.exit_code == 0 ? result.out : "";
}

// The candidates for one word.
class Candidates {
 public:
  // `lead` is what stands before each, in the same word: "--level=".
  explicit Candidates(std::string word, std::string lead = {})
      : word_(std::move(word)), lead_(std::move(lead)) {}

  void add(const std::string& candidate, std::string_view description = {}) {
    if (!candidate.starts_with(word_) || !added_.insert(candidate).second) return;
    text_ += lead_ + candidate +
             (description.empty() ? "" : '\t' + support::one_line(description)) + '\n';
  }

  void add_values(const ParameterNote& parameter) {
    for (const auto& choice : parameter.choices) add(choice);
    if (!parameter.values_from.empty()) add_output(parameter.values_from);
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

  const std::string& text() const { return text_; }

 private:
  // The first word of each line, or its key, as far as shells take it as it is.
  void add_output(const std::string& command) {
    const std::string printed = output_of(command);
    std::string_view rest = printed;
    while (!rest.empty()) {
      const auto line = rest.substr(0, rest.find('\n'));
      rest.remove_prefix(std::min(rest.size(), line.size() + 1));
      const size_t sign = line.find(" = ");
      const auto value = sign == std::string_view::npos ? line.substr(0, line.find(' '))
                                                        : support::trimmed(line.substr(0, sign));
      if (!value.empty() && std::all_of(value.begin(), value.end(), is_plain))
        add(std::string(value));
    }
  }

  std::string word_;
  std::string lead_;
  std::set<std::string> added_;  // ten thousand nodes are candidates, too
  std::string text_;
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

// "--level=inf": as bash passes it, three words, or as others do, one. The candidates' lead, after
// which `words` are as if the value stood in a word of its own.
std::string take_equals_sign(std::vector<std::string>& words) {
  const size_t count = words.size();
  if (count > 1 && words[count - 1] == "=" && words[count - 2].starts_with("--")) {
    words.back().clear();
  } else if (count > 2 && words[count - 2] == "=" && words[count - 3].starts_with("--")) {
    words.erase(words.end() - 2);
  } else if (const size_t sign = words.back().find('=');
             words.back().starts_with("--") && sign != std::string::npos) {
    std::string lead = words.back().substr(0, sign + 1);
    words.back().erase(0, sign + 1);
    words.insert(words.end() - 1, lead.substr(0, sign));
    return lead;
  }
  return {};
}

std::string candidates_for(std::vector<std::string> words, Registry& registry) {
  if (words.empty()) return {};
  const std::string lead = take_equals_sign(words);
  Candidates candidates(words.back(), lead);
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
    candidates.add_values(*option);
  } else if (word.starts_with('-')) {
    candidates.add_options(command);
  } else if (found.name == "help") {
    candidates.add_commands(rest, registry);
  } else {
    if (const auto* argument = argument_at(command, rest)) candidates.add_values(*argument);
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
