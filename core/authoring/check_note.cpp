// Examines what a plugin declares: every command whole, and its help texts as people will read them.
#include <algorithm>
#include <cctype>

#include <jetpack/abi.h>
#include "authoring/check.hpp"
#include "loader/refusal.hpp"
#include "support/text.hpp"

namespace jetpack::authoring {

namespace {

// What a listing shows on one line beside a name.
constexpr size_t max_summary = 72;

// What is wrong with a help text; empty when nothing is.
std::string fault_of(std::string_view text) {
  if (text.empty()) return "is missing";
  if (std::islower(static_cast<unsigned char>(text.front())) != 0)
    return "begins in lower case; begin with a capital";
  if (text.ends_with('.') && !text.ends_with("...")) return "ends with a full stop; leave it out";
  return {};
}

class TextCheck {
 public:
  explicit TextCheck(Findings& findings) : findings_(findings) {}

  void look_at(const std::string& what, std::string_view text) {
    const std::string fault = fault_of(text);
    if (!fault.empty()) warn(what + ' ' + fault);
  }

  void warn(std::string text) {
    ++faults_;
    findings_.warn("help texts", std::move(text));
  }

  size_t faults() const { return faults_; }

 private:
  Findings& findings_;
  size_t faults_ = 0;
};

void check_command(const CommandNote& command, TextCheck& texts) {
  const std::string name = '\'' + command.name + '\'';
  texts.look_at("the summary of " + name, command.summary);
  if (command.summary.size() > max_summary)
    texts.warn("the summary of " + name + " has " + std::to_string(command.summary.size()) +
               " characters; a listing shows " + std::to_string(max_summary) + " beside the name");
  for (const auto& option : command.options)
    texts.look_at("the help of --" + option.name + " of " + name, option.help);
  for (const auto& argument : command.arguments)
    texts.look_at("the help of " + argument.name + " of " + name, argument.help);
  if (command.examples.empty() && command.options.size() + command.arguments.size() > 0)
    texts.warn(name + " has no example; people copy them");
}

}  // namespace

void check_note(const Note& note, Findings& findings) {
  TextCheck texts(findings);
  size_t faults = 0;
  for (const auto& entry : note.commands()) {
    try {
      check_command(note.command(entry.name), texts);
    } catch (const Refusal& refusal) {
      ++faults;
      findings.fail("note", "command '" + std::string(entry.name) + "': " + refusal.what());
    }
  }
  const size_t count = note.commands().size();
  if (faults == 0)
    findings.ok("note", std::to_string(count) + (count == 1 ? " command" : " commands"));
  if (texts.faults() == 0) findings.ok("help texts", "complete");
  // An id without a dot is one that two authors can choose.
  if (note.id().find('.') == std::string::npos)
    findings.warn("id",
                  "'" + note.id() + "' is not a reversed domain name: com.example." + note.id());
}

}  // namespace jetpack::authoring
