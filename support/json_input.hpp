// The bytes of a JSON document of any size, held one piece at a time.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>

namespace jetpack::support {

class JsonInput {
 public:
  // `name` is for errors. The text must outlive the input.
  JsonInput(std::string_view text, std::string name);
  // An open regular file, from its beginning; it stays the caller's.
  JsonInput(int fd, std::string name);

  // The next byte; NUL where the document ends, and where a NUL byte is in it.
  char peek() {
    if (at_ == end_) fill();
    return *at_;
  }
  // As peek(), but NUL also where the piece ends.
  char peek_in_piece() const { return *at_; }
  // Where it is, to go back to before the next peek().
  const char* mark() const { return at_; }
  void go_back(const char* mark) { at_ = mark; }
  // Only after either has returned something other than NUL, or peek() has.
  void advance() { ++at_; }

  // Advances while `is_member` is true, not beyond the piece, and returns the bytes, which are
  // valid until the next call. `is_member` must be false for NUL.
  template <class IsMember>
  std::string_view advance_while(IsMember is_member) {
    const char* start = at_;
    while (is_member(*at_)) ++at_;
    return {start, at_};
  }

  // As advance_while, for what stands as it is in a string: no '"', no '\\', no control character.
  std::string_view advance_plain() {
    const char* start = at_;
    for (;; at_ += sizeof(uint64_t)) {
      const uint64_t bytes = next_bytes();
      // Each has the highest bit of the first such byte set, and of none before it.
      const uint64_t controls = (bytes - all(0x20)) & ~bytes;
      const uint64_t stops =
          (controls | bytes_like(bytes, '"') | bytes_like(bytes, '\\')) & all(0x80);
      if (stops == 0) continue;
      at_ += std::countr_zero(stops) / 8;
      return {start, at_};
    }
  }

  // Advances over spaces, as a document is indented with; not beyond the piece.
  void advance_spaces() {
    for (;; at_ += sizeof(uint64_t)) {
      const uint64_t others = next_bytes() ^ all(' ');
      if (others == 0) continue;
      at_ += std::countr_zero(others) / 8;
      return;
    }
  }

  // Whether the bytes are next, which are then passed. It may say no where the piece ends in them.
  bool pass(std::string_view bytes) {
    if (static_cast<size_t>(end_ - at_) < bytes.size() ||
        std::memcmp(at_, bytes.data(), bytes.size()) != 0)
      return false;
    at_ += bytes.size();
    return true;
  }

  bool is_at_end() { return peek() == '\0' && at_ == end_; }
  const std::string& name() const { return name_; }
  uint64_t offset() const { return passed_ + static_cast<uint64_t>(at_ - piece_.get()); }

  // Throws Errc::corrupt: "NAME, line 3, column 7: found 'x', WHAT; fix ...". At `offset`, or where
  // the next byte is.
  [[noreturn]] void fail(const std::string& what);
  [[noreturn]] void fail_at(uint64_t offset, const std::string& what) const;

 private:
  static_assert(std::endian::native == std::endian::little, "the next byte is a word's lowest");
  static constexpr uint64_t all(uint8_t byte) { return byte * 0x0101'0101'0101'0101U; }
  // The highest bit of the first byte that is `byte`, and of none before it, is set.
  static constexpr uint64_t bytes_like(uint64_t bytes, char byte) {
    const uint64_t others = bytes ^ all(static_cast<uint8_t>(byte));
    return (others - all(1)) & ~others;
  }
  // Those at_ and behind it; beyond the end they are NUL.
  uint64_t next_bytes() const {
    uint64_t bytes = 0;
    std::memcpy(&bytes, at_, sizeof bytes);
    return bytes;
  }

  // Replaces the piece, which is used up, by the next one; false at the end.
  bool fill();
  size_t read(uint64_t offset, char* to, size_t size) const;
  std::string position(uint64_t offset) const;
  std::string found_here();

  std::string_view text_;
  int fd_ = -1;
  std::string name_;
  size_t capacity_;
  // NUL bytes follow it, as many as next_bytes() may read, which end every advance.
  std::unique_ptr<char[]> piece_;
  const char* at_;
  const char* end_;
  uint64_t passed_ = 0;  // before the piece
};

}  // namespace jetpack::support
