// jetpack/testing/note.hpp: the declaration of the plugin under test, from its own note.
// Part of jetpack/testing.hpp; include that.
#pragma once

#include <jetpack/abi.h>
#include <jetpack/json.hpp>

#include <elf.h>
#include <link.h>

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace jetpack::testing::detail {

struct NoteSearch {
  uintptr_t address;  // of something in the plugin
  std::string text;
};

// The text of our note among those of a segment, or "".
inline std::string note_in(const char* at, size_t size) {
  const auto aligned = [](size_t n) { return (n + 3) / 4 * 4; };
  while (size >= sizeof(ElfW(Nhdr))) {
    ElfW(Nhdr) head;
    std::memcpy(&head, at, sizeof head);
    const size_t whole = sizeof head + aligned(head.n_namesz) + aligned(head.n_descsz);
    if (whole > size) break;
    const std::string_view name(at + sizeof head, head.n_namesz);
    if (head.n_type == JP_NOTE_TYPE &&
        name == std::string_view(JP_NOTE_OWNER, sizeof JP_NOTE_OWNER))
      return {at + sizeof head + aligned(head.n_namesz), head.n_descsz};
    at += whole;
    size -= whole;
  }
  return {};
}

inline int search_object(dl_phdr_info* object, size_t, void* search) {
  auto& wanted = *static_cast<NoteSearch*>(search);
  bool is_here = false;
  std::string text;
  for (int i = 0; i < object->dlpi_phnum; ++i) {
    const auto& part = object->dlpi_phdr[i];
    const uintptr_t start = object->dlpi_addr + part.p_vaddr;
    if (part.p_type == PT_LOAD && wanted.address >= start && wanted.address < start + part.p_memsz)
      is_here = true;
    if (part.p_type == PT_NOTE && text.empty())
      text = note_in(reinterpret_cast<const char*>(start), part.p_memsz);
  }
  if (is_here) wanted.text = text;
  return is_here ? 1 : 0;
}

// The note of the program or library that `entry` is in. Throws Errc::not_found.
inline Json note_of(const void* entry) {
  NoteSearch search{reinterpret_cast<uintptr_t>(entry), {}};
  ::dl_iterate_phdr(search_object, &search);
  if (search.text.empty())
    throw Error(Errc::not_found,
                "there is no note beside " JP_ENTRY "; link the plugin's whole object file");
  return Json::parse(search.text, "the plugin's note");
}

}  // namespace jetpack::testing::detail
