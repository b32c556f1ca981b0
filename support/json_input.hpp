// The bytes of a JSON document of any size, held one piece at a time.
#pragma once

#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>

#include "support/json_scan.hpp"

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
  // Where it is in the piece, behind which NUL bytes follow, as many as json_scan.hpp reads.
  const char* mark() const { return at_; }
  void go_to(const char* mark) { at_ = mark; }
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
    at_ = end_of_plain(at_);
    return {start, at_};
  }

  // Advances over spaces, as a document is indented with; not beyond the piece.
  void advance_spaces() { at_ = end_of_spaces(at_); }

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
  // Replaces the piece, which is used up, by the next one; false at the end.
  bool fill();
  size_t read(uint64_t offset, char* to, size_t size) const;
  std::string position(uint64_t offset) const;
  std::string found_here();

  std::string_view text_;
  int fd_ = -1;
  std::string name_;
  size_t capacity_;
  // NUL bytes follow it, which end every advance.
  std::unique_ptr<char[]> piece_;
  const char* at_;
  const char* end_;
  uint64_t passed_ = 0;  // before the piece
};

}  // namespace jetpack::support
