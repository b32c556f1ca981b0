// jetpack/detail/list.hpp: the parts of one kind in a plugin's declaration. Part of jetpack/plugin.hpp.
#pragma once

#include <array>
#include <cstddef>
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

}  // namespace jetpack::detail
