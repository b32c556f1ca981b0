// A command's arguments, parsed and checked against its declaration.
#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include <jetpack/abi.h>
#include "loader/note.hpp"

namespace jetpack {

// The command line is wrong. The process ends with 2.
class UsageError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// Whether -h or --help is among the arguments, as an option and not as the value of one.
bool asks_for_help(const CommandNote& command, const std::vector<std::string>& arguments);

// What the node's configuration has at a key, as one would type it; nullopt when it has nothing.
using Configured = std::function<std::optional<std::vector<std::string>>(const std::string& key)>;

// The checked values of one invocation, in the form that crosses to the plugin.
class Values {
 public:
  // Parses what follows the command's name. Options stand before or after arguments, as "--name
  // value", "--name=value", "-l value", "-l=value" or "-lvalue"; "--" ends them. A long name may be cut
  // short as long as it begins only one option. The word after an
  // option that takes a value is its value, whatever it looks like; a negative number and a word
  // with a blank are arguments although they begin with a dash. Of an option that is given several
  // times the last counts, unless it is declared as repeated. What is not given is taken from
  // `configured`, where the note says so, or is the note's default. Throws UsageError; Errc::failed
  // for a configured value that is not valid; Refusal for a default that is not.
  static Values parse(const CommandNote& command, const std::vector<std::string>& arguments,
                      const Configured& configured = {});

  // Every option, then every argument, as declared. Valid as long as this object.
  const std::vector<const jp_value*>& raw() const { return raw_; }

  // For the host's own commands.
  bool flag(std::string_view name) const;
  std::vector<std::string> texts(std::string_view name) const;

 private:
  struct Slot {
    jp_value value{};
    std::string name;
    std::vector<std::string> texts;
    std::vector<jp_str> borrowed;
    std::vector<int64_t> numbers;
  };

  void add(const ParameterNote& parameter, std::vector<std::string> given,
           const Configured& configured);
  const Slot* find(std::string_view name) const;

  std::list<Slot> slots_;  // a list, because the ABI points into its elements
  std::vector<const jp_value*> raw_;
};

}  // namespace jetpack
