// The bytes of a JSON document of any size, held one piece at a time.
#include "support/json_input.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include <jetpack/error.hpp>
#include "support/encoding.hpp"
#include "support/file_errors.hpp"

namespace jetpack::support {

namespace {

// Small enough for the processor's first cache, large enough to make system calls negligible.
constexpr size_t max_piece = 16 << 10;
constexpr size_t padding_size = json_scan_padding;

// What to do about it: what is no file, such as a request's body, cannot be fixed here.
std::string_view remedy_for(std::string_view name) {
  return name.find('/') == std::string_view::npos ? "" : "; fix the file or restore it from backup";
}

}  // namespace

JsonInput::JsonInput(std::string_view text, std::string name)
    : text_(text),
      name_(std::move(name)),
      capacity_(std::min(text.size(), max_piece)),
      piece_(std::make_unique_for_overwrite<char[]>(capacity_ + padding_size)),
      at_(piece_.get()),
      end_(at_) {
  std::memset(piece_.get(), 0, padding_size);
}

JsonInput::JsonInput(int fd, std::string name)
    : fd_(fd),
      name_(std::move(name)),
      capacity_(max_piece),
      piece_(std::make_unique_for_overwrite<char[]>(capacity_ + padding_size)),
      at_(piece_.get()),
      end_(at_) {
  std::memset(piece_.get(), 0, padding_size);
}

size_t JsonInput::read(uint64_t offset, char* to, size_t size) const {
  if (fd_ < 0) {
    const std::string_view rest = text_.substr(std::min<uint64_t>(offset, text_.size()), size);
    std::memcpy(to, rest.data(), rest.size());
    return rest.size();
  }
  for (;;) {
    const ssize_t got = ::pread(fd_, to, size, static_cast<off_t>(offset));
    if (got >= 0) return static_cast<size_t>(got);
    if (errno != EINTR) fail_on_file("read", name_, errno);
  }
}

bool JsonInput::fill() {
  passed_ = offset();
  const size_t got = read(passed_, piece_.get(), capacity_);
  std::memset(piece_.get() + got, 0, padding_size);
  at_ = piece_.get();
  end_ = at_ + got;
  return got > 0;
}

std::string JsonInput::position(uint64_t offset) const {
  std::array<char, 4096> block;
  uint64_t line = 1, line_start = 0;
  for (uint64_t at = 0; at < offset;) {
    const size_t got = read(at, block.data(), std::min<uint64_t>(block.size(), offset - at));
    if (got == 0) break;
    for (size_t i = 0; i < got; ++i) {
      if (block[i] != '\n') continue;
      ++line;
      line_start = at + i + 1;
    }
    at += got;
  }
  return "line " + std::to_string(line) + ", column " + std::to_string(offset - line_start + 1);
}

std::string JsonInput::found_here() {
  if (is_at_end()) return "the end of the file";
  const char next = peek();
  if (next == '\0') return "a NUL byte";
  const auto byte = static_cast<unsigned char>(next);
  if (byte > 0x20 && byte < 0x7F) return std::string("'") + next + "'";
  return "byte 0x" + hex_byte(byte);
}

void JsonInput::fail(const std::string& what) {
  const std::string found = found_here();
  if (offset() == 0 && at_ == end_)
    throw Error(Errc::corrupt, name_ + " is empty, expected a JSON document");
  throw Error(Errc::corrupt, name_ + ", " + position(offset()) + ": found " + found + ", " + what +
                                 std::string(remedy_for(name_)));
}

void JsonInput::fail_at(uint64_t offset, const std::string& what) const {
  throw Error(Errc::corrupt,
              name_ + ", " + position(offset) + ": " + what + std::string(remedy_for(name_)));
}

}  // namespace jetpack::support
