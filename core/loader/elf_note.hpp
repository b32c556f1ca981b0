// Reads a plugin's note from its ELF file without loading it. The file is untrusted until
// proven otherwise.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace jetpack {

// Bytes that can be read at an offset: an open file, or memory.
class ByteReader {
 public:
  virtual ~ByteReader() = default;
  // Fills `to` as far as the content reaches; returns how many bytes it got.
  virtual size_t read(uint64_t offset, std::span<char> to) const = 0;
  // How many bytes there are.
  virtual uint64_t size() const = 0;
};

class FileReader final : public ByteReader {
 public:
  explicit FileReader(int fd) noexcept : fd_(fd) {}
  size_t read(uint64_t offset, std::span<char> to) const override;
  uint64_t size() const override;

 private:
  int fd_;
};

class MemoryReader final : public ByteReader {
 public:
  explicit MemoryReader(std::span<const char> bytes) noexcept : bytes_(bytes) {}
  size_t read(uint64_t offset, std::span<char> to) const override;
  uint64_t size() const override { return bytes_.size(); }

 private:
  std::span<const char> bytes_;
};

// The text of a note, and the bytes it is part of: none, when it lives elsewhere as long as needed.
struct NoteText {
  std::unique_ptr<char[]> bytes;
  std::string_view text;
};

enum class Machine { native, any };

// The descriptor of the first note with owner JP_NOTE_OWNER and type JP_NOTE_TYPE: JSON text that
// is not yet checked. Throws Refusal that says what was found: no ELF file, another machine
// than this one, truncated, no note. Reads at most a few KiB beside the note, which is at most JP_NOTE_MAX bytes.
NoteText read_note(const ByteReader& file, Machine machine = Machine::native);

// "x86_64": what an ELF file is for. Throws Refusal when it is none.
std::string machine_of(const ByteReader& file);

}  // namespace jetpack
