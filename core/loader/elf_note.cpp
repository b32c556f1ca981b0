// Reads a plugin's note from its ELF file without loading it. The file is untrusted until
// proven otherwise.
#include "loader/elf_note.hpp"

#include <elf.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <string_view>

#include <jetpack/abi.h>
#include "loader/refusal.hpp"

namespace jetpack {

namespace {

#if defined(__x86_64__)
constexpr uint16_t native_machine = EM_X86_64;
#elif defined(__aarch64__)
constexpr uint16_t native_machine = EM_AARCH64;
#else
#error "name this machine's ELF e_machine here"
#endif

// A shared library has about a dozen program headers.
constexpr uint16_t max_program_headers = 256;
// Notes of other owners may stand beside ours in one segment.
constexpr uint64_t max_note_segment = JP_NOTE_MAX + 16384;

std::string machine_name(uint16_t machine) {
  switch (machine) {
    case EM_X86_64:
      return "x86_64";
    case EM_AARCH64:
      return "aarch64";
    case EM_386:
      return "i386";
    case EM_ARM:
      return "arm";
    default:
      return "machine " + std::to_string(machine);
  }
}

// The `size` bytes at `offset`, all of them.
void read_exactly(const ByteReader& file, uint64_t offset, std::span<char> to, const char* what) {
  if (file.read(offset, to) != to.size())
    throw Refusal(std::string("truncated: the file ends within its ") + what);
}

void check_header(const Elf64_Ehdr& header, Machine machine) {
  if (header.e_ident[EI_CLASS] != ELFCLASS64) throw Refusal("not a 64-bit library");
  if (header.e_ident[EI_DATA] != ELFDATA2LSB) throw Refusal("built for a big-endian machine");
  if (machine == Machine::native && header.e_machine != native_machine)
    throw Refusal("built for " + machine_name(header.e_machine) + ", this machine is " +
                  machine_name(native_machine));
  if (header.e_type != ET_DYN) throw Refusal("not a shared library");
  if (header.e_phentsize != sizeof(Elf64_Phdr) || header.e_phnum == 0 ||
      header.e_phnum > max_program_headers)
    throw Refusal("damaged: its program header table is not plausible");
}

constexpr size_t padded(size_t size) { return (size + 3) & ~size_t{3}; }

// The descriptor of our note in the bytes of a note segment.
std::optional<std::string_view> find_descriptor(std::string_view segment) {
  while (segment.size() >= sizeof(Elf64_Nhdr)) {
    Elf64_Nhdr note{};
    std::memcpy(&note, segment.data(), sizeof note);
    segment.remove_prefix(sizeof note);
    const size_t name_size = padded(note.n_namesz);
    if (name_size > segment.size()) return std::nullopt;
    const std::string_view name = segment.substr(0, note.n_namesz);
    segment.remove_prefix(name_size);
    // The last note of a segment may lack its padding.
    if (note.n_descsz > segment.size()) return std::nullopt;
    const bool ours = note.n_type == JP_NOTE_TYPE &&
                      name == std::string_view(JP_NOTE_OWNER, sizeof JP_NOTE_OWNER);
    if (ours) return segment.substr(0, note.n_descsz);
    segment.remove_prefix(std::min(padded(note.n_descsz), segment.size()));
  }
  return std::nullopt;
}

}  // namespace

size_t FileReader::read(uint64_t offset, std::span<char> to) const {
  size_t filled = 0;
  while (filled < to.size() && offset + filled <= INT64_MAX) {
    const ssize_t got =
        ::pread(fd_, to.data() + filled, to.size() - filled, static_cast<off_t>(offset + filled));
    if (got <= 0) break;
    filled += static_cast<size_t>(got);
  }
  return filled;
}

uint64_t FileReader::size() const {
  struct stat info {};
  return ::fstat(fd_, &info) == 0 ? static_cast<uint64_t>(info.st_size) : 0;
}

size_t MemoryReader::read(uint64_t offset, std::span<char> to) const {
  if (offset >= bytes_.size()) return 0;
  const size_t size = std::min<uint64_t>(to.size(), bytes_.size() - offset);
  if (size > 0) std::memcpy(to.data(), bytes_.data() + offset, size);
  return size;
}

NoteText read_note(const ByteReader& file, Machine machine) {
  std::array<char, 4096> start;  // not cleared: this is read for each plugin of a listing
  const size_t start_size = file.read(0, start);
  if (start_size < SELFMAG || std::memcmp(start.data(), ELFMAG, SELFMAG) != 0)
    throw Refusal("not an ELF file");
  const auto fetch = [&](uint64_t offset, std::span<char> to, const char* what) {
    if (offset <= start_size && to.size() <= start_size - offset) {
      std::copy_n(start.begin() + static_cast<ptrdiff_t>(offset), to.size(), to.begin());
    } else {
      read_exactly(file, offset, to, what);
    }
  };

  Elf64_Ehdr header{};
  fetch(0, {reinterpret_cast<char*>(&header), sizeof header}, "ELF header");
  check_header(header, machine);
  std::array<Elf64_Phdr, max_program_headers> space;  // not cleared, as above
  const std::span segments = std::span(space).first(header.e_phnum);
  fetch(header.e_phoff, {reinterpret_cast<char*>(segments.data()), segments.size_bytes()},
        "program headers");

  const uint64_t size = file.size();
  for (const auto& segment : segments)
    if (segment.p_type == PT_LOAD &&
        (segment.p_offset > size || segment.p_filesz > size - segment.p_offset))
      throw Refusal("truncated: the file ends within what would be loaded");

  for (const auto& segment : segments) {
    if (segment.p_type != PT_NOTE) continue;
    if (segment.p_filesz > max_note_segment)
      throw Refusal("damaged: a note segment of " + std::to_string(segment.p_filesz) + " bytes");
    auto bytes = std::make_unique_for_overwrite<char[]>(segment.p_filesz);
    fetch(segment.p_offset, {bytes.get(), segment.p_filesz}, "notes");
    const auto descriptor = find_descriptor({bytes.get(), segment.p_filesz});
    if (!descriptor) continue;
    if (descriptor->size() > JP_NOTE_MAX)
      throw Refusal("its note has " + std::to_string(descriptor->size()) + " bytes; the limit is " +
                    std::to_string(JP_NOTE_MAX));
    return {std::move(bytes), *descriptor};
  }
  throw Refusal("no " JP_NOTE_SECTION
                " note: not a jetpack plugin, or a packaging tool stripped the note");
}

std::string machine_of(const ByteReader& file) {
  Elf64_Ehdr header{};
  read_exactly(file, 0, {reinterpret_cast<char*>(&header), sizeof header}, "ELF header");
  if (std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0) throw Refusal("not an ELF file");
  return machine_name(header.e_machine);
}

}  // namespace jetpack
