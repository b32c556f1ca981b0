// _dl_find_object (glibc 2.35), with which libgcc finds the unwinding table of a program counter. It is
// the only way that libgcc 12 looks: without an answer every throw ends the process.
#include <link.h>
#include <stddef.h>
#include <stdint.h>

// struct dl_find_object, as dlfcn.h has it since glibc 2.35, for machines without a base register for data.
struct found_object {
  unsigned long long flags;
  void* map_start;
  void* map_end;
  struct link_map* link_map;
  void* eh_frame;
  unsigned long long reserved[7];
};

struct search {
  uintptr_t counter;
  struct found_object* found;
};

static int look_at(struct dl_phdr_info* object, size_t size, void* argument) {
  (void)size;
  const struct search* search = argument;
  uintptr_t start = UINTPTR_MAX;
  uintptr_t end = 0;
  const ElfW(Phdr)* table = NULL;
  int is_inside = 0;
  for (int i = 0; i < object->dlpi_phnum; ++i) {
    const ElfW(Phdr)* segment = &object->dlpi_phdr[i];
    const uintptr_t from = object->dlpi_addr + segment->p_vaddr;
    if (segment->p_type == PT_GNU_EH_FRAME) table = segment;
    if (segment->p_type != PT_LOAD) continue;
    if (from < start) start = from;
    if (from + segment->p_memsz > end) end = from + segment->p_memsz;
    if (search->counter >= from && search->counter < from + segment->p_memsz) is_inside = 1;
  }
  if (!is_inside || table == NULL) return 0;
  *search->found = (struct found_object){.map_start = (void*)start,
                                         .map_end = (void*)end,
                                         .eh_frame = (void*)(object->dlpi_addr + table->p_vaddr)};
  return 1;
}

// Under a name of ours, because newer headers declare the other.
int jetpack_find_object(void* address, struct found_object* found) __asm__("_dl_find_object");

int jetpack_find_object(void* address, struct found_object* found) {
  struct search search = {(uintptr_t)address, found};
  return dl_iterate_phdr(look_at, &search) == 1 ? 0 : -1;
}
