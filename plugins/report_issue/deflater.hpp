// Deflates pieces of text, each by itself, so that several threads can and the results can be
// joined.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string_view>

namespace jetpack::report_issue {

// Two that choose the level for each piece: of a text 2, or 5, which takes six times as long.
constexpr int fast_automatic_level = 0;
constexpr int small_automatic_level = -1;
constexpr int fastest_level = 1;
constexpr int smallest_level = 9;

// The smaller one where so many threads deflate that an archive is still made in a fifteenth of the
// time that zip takes; README.md has the sum.
int automatic_level(unsigned workers);

// The most that a piece of this size takes: stored blocks add 5 bytes to every 16383, and the flush
// marker is one more block.
constexpr size_t room_to_deflate(size_t plain) { return plain + plain / 1024 + 1024; }

class Deflater {
 public:
  // ISA-L's levels 1 to 3, and zlib's from 4 on, where ISA-L has none, or one of the automatic ones.
  // README.md has what each gives.
  explicit Deflater(int level);
  Deflater(const Deflater&) = delete;
  Deflater& operator=(const Deflater&) = delete;
  ~Deflater();

  // Writes blocks of which none is the last, up to a whole number of bytes; returns their size.
  // `out` has room_to_deflate(plain.size()).
  size_t run(std::string_view plain, std::span<char> out);

 private:
  class Isal;
  class Zlib;

  bool is_automatic() const { return level_ < fastest_level; }
  bool is_hard(std::string_view plain, std::span<char> out);

  int level_;
  std::unique_ptr<Isal> isal_;
  std::unique_ptr<Zlib> zlib_;
};

}  // namespace jetpack::report_issue
