// Memory that a process shares with the children that it forks.
#include "support/shared_memory.hpp"

#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include <jetpack/error.hpp>
#include "support/files.hpp"

namespace jetpack::support {

void* memory_for_children(size_t size, size_t alignment) {
  constexpr size_t page = 4096;
  static char* memory = nullptr;
  static size_t used = 0;
  // Without the C library's mmap: each name that is looked up in a library costs every start of
  // jetpack some 700 instructions.
  if (memory == nullptr) {
    const long result = ::syscall(__NR_mmap, nullptr, page, PROT_READ | PROT_WRITE,
                                  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (result == -1)
      throw Error(Errc::unavailable, "cannot share memory: " + system_message(errno));
    memory = reinterpret_cast<char*>(result);
  }
  const size_t start = (used + alignment - 1) / alignment * alignment;
  if (start > page || size > page - start)
    throw Error(Errc::unavailable, "cannot share memory: the page for it is full");
  used = start + size;
  return memory + start;
}

}  // namespace jetpack::support
