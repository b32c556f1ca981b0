// What a shared library says of itself to the dynamic linker, read without loading it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "support/files.hpp"

namespace jetpack::authoring {

struct Symbol {
  std::string name;
  bool is_weak = false;
  bool is_data = false;
  uint64_t size = 0;
  // The version that an undefined symbol is bound to, and so the library that has it: "GLIBC_2.28".
  std::string version;
};

// A library's dynamic section and what it leads to. The file is untrusted: whatever lies outside of it
// throws Errc::corrupt.
class ElfImage {
 public:
  explicit ElfImage(const std::string& path);

  const std::vector<Symbol>& exported() const { return exported_; }
  const std::vector<Symbol>& undefined() const { return undefined_; }
  // The libraries that it is linked to: "libc.so.6".
  const std::vector<std::string>& needed() const { return needed_; }
  // The runtime search path: DT_RUNPATH or DT_RPATH.
  const std::optional<std::string>& search_path() const { return search_path_; }
  // Every version that it needs of a library: "GLIBC_2.34", "GLIBCXX_3.4.29".
  const std::vector<std::string>& versions() const { return versions_; }
  // Functions that run when it is loaded.
  uint64_t constructors() const { return constructors_; }
  bool binds_now() const { return binds_now_; }
  bool has_text_relocations() const { return has_text_relocations_; }
  bool has_executable_stack() const { return has_executable_stack_; }
  bool has_debug_information() const { return has_debug_information_; }
  uint64_t size() const { return bytes_.size(); }

 private:
  template <class T>
  T at(uint64_t offset) const;
  std::string_view bytes_at(uint64_t offset, uint64_t size) const;
  uint64_t offset_of(uint64_t address) const;
  std::string text_at(uint64_t index) const;
  void read_segments();
  void read_dynamic(uint64_t offset, uint64_t size);
  void read_versions(uint64_t offset, uint64_t count);
  void read_symbols(uint64_t symbols, uint64_t count, uint64_t version_indexes);
  uint64_t symbol_count(uint64_t gnu_hash, uint64_t hash) const;
  void read_sections();

  struct Segment {
    uint64_t address, offset, size;
  };
  struct Version {
    uint16_t index;
    std::string name;
  };

  std::string path_;
  std::string bytes_;
  std::vector<Segment> loaded_;
  std::string_view texts_;
  std::vector<Version> needed_versions_;
  std::vector<Symbol> exported_, undefined_;
  std::vector<std::string> needed_, versions_;
  std::optional<std::string> search_path_;
  uint64_t constructors_ = 0;
  bool binds_now_ = false, has_text_relocations_ = false, has_executable_stack_ = false;
  bool has_debug_information_ = false;
};

}  // namespace jetpack::authoring
