// jetpack/detail/plugin.hpp: a plugin's whole declaration as one compile-time value.
// Part of jetpack/plugin.hpp.
#pragma once

#include <jetpack/command.hpp>
#include <jetpack/detail/list.hpp>
#include <jetpack/detail/offers.hpp>

#include <cstddef>
#include <string_view>

namespace jetpack::detail {

template <class... Part>
struct Plugin {
  std::string_view id;
  std::string_view version;
  Needs needed;
  List<Command, Part...> commands;
  Offers<Part...> offers;
  Mistake mistake = Mistake::none;  // the first that is not a command's own

  constexpr void add(const Needs& needs) {
    if (needed.count > 0) mistake = Mistake::needs_twice;
    needed = needs;
  }
  constexpr void add(const Command& command) { commands.add(command); }
  template <class Other>
  constexpr void add(const Other& other) {
    static_assert(
        is_offer<Other>,
        "a plugin's parts are needs<>(), command(), check(), timer(), hook() and setting()");
    if constexpr (is_offer<Other>) offers.add(other);
  }

  // Whether it has anything that jetpack can run.
  constexpr bool declares_something() const {
    return commands.size() > 0 || offers.declares_something();
  }
};

template <class... Part>
consteval auto plugin(std::string_view id, std::string_view version, const Part&... parts) {
  Plugin<Part...> p;
  p.id = id;
  p.version = version;
  (p.add(parts), ...);
  if (!is_token(id, ".-_")) p.mistake = Mistake::bad_id;
  if (!is_token(version, ".-+_~")) p.mistake = Mistake::bad_version;
  if (p.mistake == Mistake::none && !p.declares_something()) p.mistake = Mistake::nothing_declared;
  return p;
}

constexpr Finding finding_in(const Command& command) {
  Finding found{command.mistake, {}};
  found.place.add(command.name);
  if (command.mistaken >= command.parameter_count) return found;
  const Parameter& p = command.parameters[command.mistaken];
  found.place.add(p.is_argument ? " " : " --");
  found.place.add(p.name);
  return found;
}

// The first mistake in the declaration, its texts aside.
template <class... Part>
constexpr Finding finding_in(const Plugin<Part...>& p) {
  Finding found{p.mistake, {}};
  if (p.mistake != Mistake::none) {
    found.place.add(p.id);
    return found;
  }
  for (size_t i = 0; i < p.commands.size(); ++i) {
    const Command& command = p.commands[i];
    if (command.mistake != Mistake::none) return finding_in(command);
    for (size_t k = 0; k < i; ++k) {
      if (p.commands[k].name != command.name) continue;
      found.mistake = Mistake::same_command;
      found.place.add(command.name);
      return found;
    }
  }
  return finding_in(p.offers, p.commands);
}

}  // namespace jetpack::detail
