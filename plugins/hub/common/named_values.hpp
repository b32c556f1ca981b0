// Options of the form NAME=VALUE, each of which sets one number of a structure.
#pragma once

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <system_error>

#include <jetpack/error.hpp>

namespace jetpack::hub {

// A row of the table of a structure's numbers.
template <class Structure>
struct NamedValue {
  std::string_view name;
  uint64_t Structure::*value;
  uint64_t least, most;
};

// Sets what "NAME=VALUE" says. `option` and `kind` are for errors, such as "--client-limit" and
// "limit". Throws Errc::usage.
template <class Structure>
void set_named(Structure& structure, std::span<const NamedValue<Structure>> table,
               const std::string& option, const std::string& kind, std::string_view text) {
  const size_t middle = std::min(text.find('='), text.size());
  const std::string name(text.substr(0, middle));
  const auto row = std::find_if(table.begin(), table.end(),
                                [&](const auto& known) { return known.name == name; });
  if (row == table.end()) {
    std::string names;
    for (const auto& known : table) names += (names.empty() ? "" : ", ") + std::string(known.name);
    throw Error(Errc::usage, option + ": unknown " + kind + " '" + name + "'; known are " + names);
  }
  const std::string_view digits = text.substr(std::min(middle + 1, text.size()));
  uint64_t value = 0;
  const auto [rest, failure] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (failure != std::errc{} || rest != digits.data() + digits.size() || value < row->least ||
      value > row->most)
    throw Error(Errc::usage, option + ": invalid value '" + std::string(digits) + "' of " + name +
                                 ": expected a whole number from " + std::to_string(row->least) +
                                 " to " + std::to_string(row->most));
  structure.*row->value = value;
}

}  // namespace jetpack::hub
