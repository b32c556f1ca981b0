// jetpack/detail/plugin.hpp: a plugin's whole declaration as one compile-time value.
// Part of jetpack/plugin.hpp.
#pragma once

#include <jetpack/command.hpp>

#include <array>
#include <cstddef>
#include <string_view>
#include <type_traits>

namespace jetpack::detail {

// The parts of one kind, as many as the declaration has.
template <class Kind, class... Part>
struct List {
  static constexpr size_t capacity = (size_t{std::is_same_v<Kind, Part>} + ... + 0);

  std::array<Kind, capacity> items{};
  size_t count = 0;

  constexpr void add(const Kind& item) { items[count++] = item; }
  constexpr size_t size() const { return count; }
  constexpr const Kind& operator[](size_t i) const { return items[i]; }
  constexpr auto begin() const { return items.begin(); }
  constexpr auto end() const { return items.end(); }
};

template <class... Part>
struct Plugin {
  std::string_view id;
  std::string_view version;
  Needs needed;
  List<Command, Part...> commands;
  Mistake mistake = Mistake::none;  // the first that is not a command's own

  constexpr void add(const Needs& needs) {
    if (needed.count > 0) mistake = Mistake::needs_twice;
    needed = needs;
  }
  constexpr void add(const Command& command) { commands.add(command); }
  template <class Other>
  constexpr void add(const Other&) {
    static_assert(sizeof(Other) == 0, "a plugin's parts are needs<>() and command()");
  }

  // Whether it has anything that jetpack can run.
  constexpr bool declares_something() const { return commands.size() > 0; }
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
  return found;
}

}  // namespace jetpack::detail
