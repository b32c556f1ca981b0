// Keeps the daemon's memory small while it is idle.
#include "jetpackd/memory.hpp"

#include <link.h>
#include <malloc.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>

namespace jetpack::jetpackd {

namespace {

constexpr int small_threshold = 64 << 10;

// Segments that are not writable: none of their pages differs from its file.
bool is_code_or_constants(const ElfW(Phdr) & segment) {
  return segment.p_type == PT_LOAD && (segment.p_flags & PF_W) == 0;
}

int release_object(dl_phdr_info* object, size_t, void*) {
  const auto page = static_cast<uintptr_t>(::sysconf(_SC_PAGESIZE));
  for (ElfW(Half) i = 0; i < object->dlpi_phnum; ++i) {
    const auto& segment = object->dlpi_phdr[i];
    if (!is_code_or_constants(segment)) continue;
    const uintptr_t start = (object->dlpi_addr + segment.p_vaddr) & ~(page - 1);
    const uintptr_t end = object->dlpi_addr + segment.p_vaddr + segment.p_filesz;
    // Fails for segments without a file, such as the vDSO.
    ::madvise(reinterpret_cast<void*>(start), end - start, MADV_DONTNEED);
  }
  return 0;
}

}  // namespace

void configure_heap() {
  ::mallopt(M_ARENA_MAX, 1);
  ::mallopt(M_TRIM_THRESHOLD, small_threshold);
  ::mallopt(M_MMAP_THRESHOLD, small_threshold);
}

void release_memory() {
  ::malloc_trim(0);
  ::dl_iterate_phdr(release_object, nullptr);
}

}  // namespace jetpack::jetpackd
