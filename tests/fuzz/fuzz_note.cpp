// fuzz_note.cpp: libFuzzer target for what the host reads of a plugin that it has not loaded: the
// ELF note, its JSON, and every command in it.
#include <cstddef>
#include <cstdint>

#include "loader/elf_note.hpp"
#include "loader/note.hpp"
#include "loader/refusal.hpp"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  try {
    const jetpack::MemoryReader file({reinterpret_cast<const char*>(data), size});
    const jetpack::Note note(jetpack::read_note(file));
    for (const auto& entry : note.commands()) note.command(entry.name);
  } catch (const jetpack::Refusal&) {
    return 0;
  }
  return 0;
}
