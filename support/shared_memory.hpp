// Memory that a process shares with the children that it forks.
#pragma once

#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include <jetpack/error.hpp>
#include "support/files.hpp"

namespace jetpack::support {

// A zeroed T of its own page, for as long as the process lives. Throws Errc::unavailable. Without the
// C library's mmap: each name that is looked up in a library costs every start of jetpack some 700
// instructions.
template <class T>
T& shared_with_children() {
  auto* memory = reinterpret_cast<void*>(::syscall(
      __NR_mmap, nullptr, sizeof(T), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  if (memory == MAP_FAILED)
    throw Error(Errc::unavailable, "cannot share memory: " + system_message(errno));
  return *static_cast<T*>(memory);
}

}  // namespace jetpack::support
