// Tests of the ELF note reader, on libraries made by hand and damaged in every place.
#include "loader/elf_note.hpp"

#include <elf.h>

#include <cstring>
#include <vector>

#include <doctest/doctest.h>

#include <jetpack/abi.h>
#include "loader/refusal.hpp"

namespace jetpack {

namespace {

template <class T>
void append(std::vector<char>& bytes, const T& value) {
  const auto* raw = reinterpret_cast<const char*>(&value);
  bytes.insert(bytes.end(), raw, raw + sizeof value);
}

std::vector<char> note_segment(const std::string& descriptor) {
  std::vector<char> bytes;
  // Another owner's note stands first.
  append(bytes, Elf64_Nhdr{4, 2, 3});
  for (const char c : std::string("GNU\0ab\0\0", 8)) bytes.push_back(c);
  append(bytes, Elf64_Nhdr{sizeof JP_NOTE_OWNER, static_cast<Elf64_Word>(descriptor.size()),
                           JP_NOTE_TYPE});
  append(bytes, JP_NOTE_OWNER);
  bytes.insert(bytes.end(), descriptor.begin(), descriptor.end());
  return bytes;
}

std::vector<char> library(const std::string& descriptor) {
  Elf64_Ehdr header{};
  std::memcpy(header.e_ident, ELFMAG, SELFMAG);
  header.e_ident[EI_CLASS] = ELFCLASS64;
  header.e_ident[EI_DATA] = ELFDATA2LSB;
  header.e_type = ET_DYN;
#if defined(__x86_64__)
  header.e_machine = EM_X86_64;
#else
  header.e_machine = EM_AARCH64;
#endif
  header.e_phoff = sizeof header;
  header.e_phentsize = sizeof(Elf64_Phdr);
  header.e_phnum = 1;
  const auto notes = note_segment(descriptor);
  Elf64_Phdr segment{};
  segment.p_type = PT_NOTE;
  segment.p_offset = sizeof header + sizeof segment;
  segment.p_filesz = notes.size();
  std::vector<char> bytes;
  append(bytes, header);
  append(bytes, segment);
  bytes.insert(bytes.end(), notes.begin(), notes.end());
  return bytes;
}

std::string read(const std::vector<char>& bytes) {
  return std::string(read_note(MemoryReader(bytes)).text);
}

std::string refusal(const std::vector<char>& bytes) {
  try {
    read(bytes);
  } catch (const Refusal& e) {
    return e.what();
  }
  return "";
}

}  // namespace

TEST_CASE("the note is found behind another one, in a small and in a large file") {
  CHECK(read(library("{}")) == "{}");
  const std::string large(20'000, 'x');
  CHECK(read(library(large)) == large);
}

TEST_CASE("every truncation is refused") {
  const auto whole = library("{\"a\":1}");
  for (size_t size = 0; size < whole.size(); ++size)
    CHECK(refusal({whole.begin(), whole.begin() + static_cast<ptrdiff_t>(size)}) != "");
}

TEST_CASE("what it is not is reported") {
  const auto damaged = [](size_t at, char value) {
    auto bytes = library("{}");
    bytes.at(at) = value;
    return bytes;
  };
  CHECK(refusal({'#', '!', '/', 'b'}) == "not an ELF file");
  CHECK(refusal(damaged(EI_CLASS, ELFCLASS32)) == "not a 64-bit library");
  CHECK(refusal(damaged(EI_DATA, ELFDATA2MSB)) == "built for a big-endian machine");
  CHECK(refusal(damaged(offsetof(Elf64_Ehdr, e_machine), EM_386)).starts_with("built for i386"));
  CHECK(refusal(damaged(offsetof(Elf64_Ehdr, e_type), ET_EXEC)) == "not a shared library");
  CHECK(refusal(damaged(offsetof(Elf64_Ehdr, e_phnum), 0)).starts_with("damaged"));
  CHECK(refusal(damaged(sizeof(Elf64_Ehdr), PT_LOAD)).starts_with("no .note.jetpack note"));
  CHECK(
      refusal(library(std::string(JP_NOTE_MAX + 1, 'x'))).starts_with("its note has 65537 bytes"));
  CHECK(refusal(library(std::string(200'000, 'x'))).starts_with("damaged: a note segment"));
}

TEST_CASE("any byte may be anything") {
  const auto whole = library("{}");
  for (size_t at = 0; at < whole.size(); ++at) {
    for (const int value : {0, 1, 0x7f, 0x80, 0xff}) {
      auto bytes = whole;
      bytes[at] = static_cast<char>(value);
      try {
        read(bytes);
      } catch (const Refusal&) {
        // Refused or read: both are fine, as long as it is one of them.
      }
    }
  }
}

}  // namespace jetpack
