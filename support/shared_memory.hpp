// Memory that a process shares with the children that it forks.
#pragma once

#include <cstddef>

namespace jetpack::support {

// Zeroed, for as long as the process lives. All of it is in one page: only the first call asks the
// system. Not thread-safe. Throws Errc::unavailable.
void* memory_for_children(size_t size, size_t alignment);

template <class T>
T& shared_with_children() {
  return *static_cast<T*>(memory_for_children(sizeof(T), alignof(T)));
}

}  // namespace jetpack::support
