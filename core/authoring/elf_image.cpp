// What a shared library says of itself to the dynamic linker, read without loading it.
#include "authoring/elf_image.hpp"

#include <elf.h>

#include <algorithm>
#include <cstring>

#include <jetpack/error.hpp>

namespace jetpack::authoring {

namespace {

constexpr uint64_t max_size = 512 << 20;
// A file can claim more than it has; a plugin has some thousand at most.
constexpr uint64_t max_symbols = 1 << 20;
constexpr uint64_t max_versions = 4096;

[[noreturn]] void invalid(const std::string& path, const std::string& what) {
  throw Error(Errc::corrupt, path + ": " + what);
}

// The values of the dynamic section that matter here, by tag.
struct Dynamic {
  uint64_t strings = 0, strings_size = 0, symbols = 0, gnu_hash = 0, hash = 0;
  uint64_t version_indexes = 0, version_needs = 0, version_needs_count = 0;
  uint64_t init = 0, constructors_size = 0;
  std::vector<uint64_t> needed;
  std::optional<uint64_t> search_path;
  bool binds_now = false, has_text_relocations = false;

  void take(const Elf64_Dyn& entry) {
    const uint64_t value = entry.d_un.d_val;
    switch (entry.d_tag) {
      case DT_STRTAB:
        strings = value;
        break;
      case DT_STRSZ:
        strings_size = value;
        break;
      case DT_SYMTAB:
        symbols = value;
        break;
      case DT_GNU_HASH:
        gnu_hash = value;
        break;
      case DT_HASH:
        hash = value;
        break;
      case DT_VERSYM:
        version_indexes = value;
        break;
      case DT_VERNEED:
        version_needs = value;
        break;
      case DT_VERNEEDNUM:
        version_needs_count = value;
        break;
      case DT_INIT_ARRAYSZ:
        constructors_size = value;
        break;
      case DT_NEEDED:
        needed.push_back(value);
        break;
      case DT_RPATH:
      case DT_RUNPATH:
        search_path = value;
        break;
      case DT_BIND_NOW:
        binds_now = true;
        break;
      case DT_TEXTREL:
        has_text_relocations = true;
        break;
      case DT_FLAGS:
        binds_now |= (value & DF_BIND_NOW) != 0;
        has_text_relocations |= (value & DF_TEXTREL) != 0;
        break;
      case DT_FLAGS_1:
        binds_now |= (value & DF_1_NOW) != 0;
        break;
      default:
        break;
    }
  }
};

}  // namespace

ElfImage::ElfImage(const std::string& path) : path_(path) {
  auto bytes = support::read_file(path, max_size);
  if (!bytes) throw Error(Errc::not_found, path + ": not found");
  bytes_ = *std::move(bytes);
  read_segments();
  read_sections();
}

std::string_view ElfImage::bytes_at(uint64_t offset, uint64_t size) const {
  if (offset > bytes_.size() || size > bytes_.size() - offset)
    invalid(path_, "truncated: it points beyond its end");
  return std::string_view(bytes_).substr(offset, size);
}

template <class T>
T ElfImage::at(uint64_t offset) const {
  T value{};
  std::memcpy(&value, bytes_at(offset, sizeof value).data(), sizeof value);
  return value;
}

uint64_t ElfImage::offset_of(uint64_t address) const {
  for (const auto& segment : loaded_)
    if (address >= segment.address && address - segment.address < segment.size)
      return segment.offset + (address - segment.address);
  invalid(path_, "damaged: its dynamic section points outside of what is loaded");
}

std::string ElfImage::text_at(uint64_t index) const {
  if (index >= texts_.size()) invalid(path_, "damaged: a name lies outside of its string table");
  const auto rest = texts_.substr(index);
  return std::string(rest.substr(0, rest.find('\0')));
}

void ElfImage::read_segments() {
  const auto header = at<Elf64_Ehdr>(0);
  if (std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0) invalid(path_, "not an ELF file");
  if (header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_ident[EI_DATA] != ELFDATA2LSB)
    invalid(path_, "not a 64-bit little-endian library");
  std::vector<Elf64_Phdr> segments;
  for (uint64_t i = 0; i < header.e_phnum; ++i)
    segments.push_back(at<Elf64_Phdr>(header.e_phoff + i * sizeof(Elf64_Phdr)));
  for (const auto& segment : segments) {
    if (segment.p_type == PT_LOAD)
      loaded_.push_back({segment.p_vaddr, segment.p_offset, segment.p_filesz});
    if (segment.p_type == PT_GNU_STACK) has_executable_stack_ = (segment.p_flags & PF_X) != 0;
  }
  for (const auto& segment : segments)
    if (segment.p_type == PT_DYNAMIC) return read_dynamic(segment.p_offset, segment.p_filesz);
  invalid(path_, "not a shared library: it has no dynamic section");
}

void ElfImage::read_dynamic(uint64_t offset, uint64_t size) {
  Dynamic dynamic;
  for (uint64_t i = 0; i < size / sizeof(Elf64_Dyn); ++i) {
    const auto entry = at<Elf64_Dyn>(offset + i * sizeof(Elf64_Dyn));
    if (entry.d_tag == DT_NULL) break;
    dynamic.take(entry);
  }
  texts_ = bytes_at(offset_of(dynamic.strings), dynamic.strings_size);
  for (const uint64_t name : dynamic.needed) needed_.push_back(text_at(name));
  if (dynamic.search_path) search_path_ = text_at(*dynamic.search_path);
  constructors_ = dynamic.constructors_size / sizeof(uint64_t);
  binds_now_ = dynamic.binds_now;
  has_text_relocations_ = dynamic.has_text_relocations;
  if (dynamic.version_needs != 0)
    read_versions(offset_of(dynamic.version_needs), dynamic.version_needs_count);
  const uint64_t count = symbol_count(dynamic.gnu_hash, dynamic.hash);
  read_symbols(offset_of(dynamic.symbols), count,
               dynamic.version_indexes == 0 ? 0 : offset_of(dynamic.version_indexes));
}

// The table of symbols has no size of its own; that of hashes tells.
uint64_t ElfImage::symbol_count(uint64_t gnu_hash, uint64_t hash) const {
  if (hash != 0) return at<uint32_t>(offset_of(hash) + sizeof(uint32_t));
  if (gnu_hash == 0) return 0;
  const uint64_t start = offset_of(gnu_hash);
  const uint64_t buckets = at<uint32_t>(start), first = at<uint32_t>(start + 4);
  const uint64_t bucket_start = start + 16 + at<uint32_t>(start + 8) * sizeof(uint64_t);
  uint64_t last = 0;
  for (uint64_t i = 0; i < buckets; ++i)
    last = std::max<uint64_t>(last, at<uint32_t>(bucket_start + i * sizeof(uint32_t)));
  if (last < first) return first;  // nothing is exported
  const uint64_t chains = bucket_start + buckets * sizeof(uint32_t);
  while ((at<uint32_t>(chains + (last - first) * sizeof(uint32_t)) & 1) == 0) ++last;
  return last + 1;
}

void ElfImage::read_versions(uint64_t offset, uint64_t count) {
  for (uint64_t i = 0; i < std::min(count, max_versions); ++i) {
    const auto library = at<Elf64_Verneed>(offset);
    uint64_t version_offset = offset + library.vn_aux;
    for (uint64_t k = 0; k < library.vn_cnt; ++k) {
      const auto version = at<Elf64_Vernaux>(version_offset);
      needed_versions_.push_back({version.vna_other, text_at(version.vna_name)});
      versions_.push_back(needed_versions_.back().name);
      if (version.vna_next == 0) break;
      version_offset += version.vna_next;
    }
    if (library.vn_next == 0) break;
    offset += library.vn_next;
  }
}

void ElfImage::read_symbols(uint64_t symbols, uint64_t count, uint64_t version_indexes) {
  if (count > max_symbols)
    invalid(path_, "damaged: it claims " + std::to_string(count) + " symbols");
  for (uint64_t i = 1; i < count; ++i) {
    const auto entry = at<Elf64_Sym>(symbols + i * sizeof(Elf64_Sym));
    const auto binding = ELF64_ST_BIND(entry.st_info);
    if (binding == STB_LOCAL) continue;
    Symbol symbol{text_at(entry.st_name),
                  binding == STB_WEAK,
                  ELF64_ST_TYPE(entry.st_info) == STT_OBJECT,
                  entry.st_size,
                  {}};
    if (entry.st_shndx != SHN_UNDEF) {
      exported_.push_back(std::move(symbol));
      continue;
    }
    if (version_indexes != 0) {
      const auto index = at<uint16_t>(version_indexes + i * sizeof(uint16_t)) & 0x7fff;
      for (const auto& version : needed_versions_)
        if (version.index == index) symbol.version = version.name;
    }
    undefined_.push_back(std::move(symbol));
  }
}

// Sections are for the linker and the debugger; a file may have none.
void ElfImage::read_sections() {
  const auto header = at<Elf64_Ehdr>(0);
  for (uint64_t i = 0; i < header.e_shnum; ++i) {
    const auto section = at<Elf64_Shdr>(header.e_shoff + i * sizeof(Elf64_Shdr));
    has_debug_information_ |= section.sh_type == SHT_SYMTAB;
  }
}

}  // namespace jetpack::authoring
