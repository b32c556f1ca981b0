// Reads a bundle's zip file, and refuses whatever `plugin pack` does not write.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "bundles/content.hpp"
#include "loader/elf_note.hpp"

namespace jetpack::bundles {

// Zip (PKWARE's APPNOTE 6.3) as far as bundles use it: stored or deflated files, one after the other
// from the start of the file, their directory, its end record, and nothing else. So there is one way
// to read a bundle: no data that another tool would see or skip, no entry within another, no comment,
// no encryption, no data descriptors, no Zip64.
class ZipReader final : public Content {
 public:
  // Reads the directory. `file` must outlive this object. Throws Refusal.
  explicit ZipReader(const ByteReader& file);

  const std::vector<Entry>& entries() const override { return entries_; }
  void read(size_t index, const Sink& sink) const override;

 private:
  // Where an entry's local header begins, and what the directory says of its data.
  struct Place {
    uint64_t offset = 0;
    uint64_t end = 0;  // where the next one begins
    uint32_t compressed = 0;
    uint32_t crc = 0;
    uint16_t flags = 0;
    uint16_t method = 0;
  };

  void read_directory(const std::string& directory, uint64_t count);
  size_t read_record(std::string_view record);
  void check_places(uint64_t directory_offset);
  uint64_t check_local_header(size_t index) const;
  void copy(size_t index, uint64_t from, const Sink& sink) const;
  void inflate(size_t index, uint64_t from, const Sink& sink) const;

  const ByteReader& file_;
  std::vector<Entry> entries_;
  std::vector<Place> places_;  // of entries_
};

}  // namespace jetpack::bundles
