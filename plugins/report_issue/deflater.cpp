// Deflates pieces of text, each by itself, so that several threads can and the results can be
// joined.
#include "deflater.hpp"

#include <isa-l/igzip_lib.h>
#include <zlib.h>

#include <cstdint>
#include <string>
#include <vector>

#include <jetpack/error.hpp>

namespace jetpack::report_issue {

namespace {

using jetpack::Errc;
using jetpack::Error;

constexpr int slowest_isal_level = 3;

// The libraries take what they only read without const.
uint8_t* bytes_of(std::string_view text) {
  return const_cast<uint8_t*>(reinterpret_cast<const uint8_t*>(text.data()));
}

size_t memory_for(int level) {
  switch (level) {
    case 1:
      return ISAL_DEF_LVL1_EXTRA_LARGE;
    case 2:
      return ISAL_DEF_LVL2_EXTRA_LARGE;
    default:
      return ISAL_DEF_LVL3_EXTRA_LARGE;
  }
}

}  // namespace

class Deflater::Isal {
 public:
  explicit Isal(int slowest_level) : memory_(memory_for(slowest_level)) {}

  size_t run(int level, std::string_view plain, std::span<char> out) {
    isal_deflate_stateless_init(&state_);
    state_.level = static_cast<uint32_t>(level);
    state_.level_buf = memory_.data();
    state_.level_buf_size = static_cast<uint32_t>(memory_.size());
    state_.flush = FULL_FLUSH;
    state_.end_of_stream = 0;
    state_.next_in = bytes_of(plain);
    state_.avail_in = static_cast<uint32_t>(plain.size());
    state_.next_out = reinterpret_cast<uint8_t*>(out.data());
    state_.avail_out = static_cast<uint32_t>(out.size());
    const int status = isal_deflate_stateless(&state_);
    if (status != COMP_OK || state_.avail_in != 0)
      throw Error(Errc::internal, "cannot deflate: ISA-L returned " + std::to_string(status));
    return state_.total_out;
  }

 private:
  isal_zstream state_{};
  std::vector<uint8_t> memory_;
};

class Deflater::Zlib {
 public:
  explicit Zlib(int level) {
    constexpr int without_header = -MAX_WBITS;
    constexpr int memory = 8;  // as zip has it
    const int status =
        deflateInit2(&state_, level, Z_DEFLATED, without_header, memory, Z_DEFAULT_STRATEGY);
    if (status != Z_OK) fail(status);
  }
  Zlib(const Zlib&) = delete;
  Zlib& operator=(const Zlib&) = delete;
  ~Zlib() { ::deflateEnd(&state_); }

  size_t run(std::string_view plain, std::span<char> out) {
    ::deflateReset(&state_);
    state_.next_in = bytes_of(plain);
    state_.avail_in = static_cast<uInt>(plain.size());
    state_.next_out = reinterpret_cast<Bytef*>(out.data());
    state_.avail_out = static_cast<uInt>(out.size());
    const int status = ::deflate(&state_, Z_FULL_FLUSH);
    if (status != Z_OK || state_.avail_in != 0 || state_.avail_out == 0) fail(status);
    return state_.total_out;
  }

 private:
  [[noreturn]] static void fail(int status) {
    throw Error(Errc::internal, "cannot deflate: zlib returned " + std::to_string(status));
  }

  z_stream state_{};
};

int automatic_level(unsigned workers) {
  constexpr unsigned enough_workers = 16;
  return workers < enough_workers ? fast_automatic_level : small_automatic_level;
}

Deflater::Deflater(int level) : level_(level) {
  if (level <= slowest_isal_level) isal_ = std::make_unique<Isal>(is_automatic() ? 2 : level);
  if (level == small_automatic_level) zlib_ = std::make_unique<Zlib>(5);
  if (level > slowest_isal_level) zlib_ = std::make_unique<Zlib>(level);
}

Deflater::~Deflater() = default;

// Whether the piece is of digits at random, as numbers and hexadecimal words are: level 1 deflates
// them faster than level 2 and to less, since their short matches are worth nothing. Texts of logs
// come down to a quarter in the sample, numbers to a third.
bool Deflater::is_hard(std::string_view plain, std::span<char> out) {
  constexpr size_t sample = 16 << 10;
  const std::string_view start = plain.substr(0, sample);
  return isal_->run(fastest_level, start, out) * 10 > start.size() * 3;
}

size_t Deflater::run(std::string_view plain, std::span<char> out) {
  if (is_automatic() && is_hard(plain, out)) return isal_->run(1, plain, out);
  if (zlib_) return zlib_->run(plain, out);
  return isal_->run(is_automatic() ? 2 : level_, plain, out);
}

}  // namespace jetpack::report_issue
