// Finds the end of what a JSON document has most of, many bytes at a time.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

namespace jetpack::support {

// How many NUL bytes must follow what is scanned. They end every scan, and may be read.
inline constexpr int json_scan_padding = 16;

inline bool is_json_space(char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }

#ifdef __SSE2__

inline const char* end_of_plain(const char* at) {
  const __m128i quotes = _mm_set1_epi8('"'), backslashes = _mm_set1_epi8('\\');
  const __m128i controls = _mm_set1_epi8(0x1F);
  for (;; at += sizeof(__m128i)) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
    const __m128i stops = _mm_or_si128(
        _mm_or_si128(_mm_cmpeq_epi8(bytes, quotes), _mm_cmpeq_epi8(bytes, backslashes)),
        _mm_cmpeq_epi8(_mm_min_epu8(bytes, controls), bytes));
    if (const auto mask = static_cast<unsigned>(_mm_movemask_epi8(stops)); mask != 0)
      return at + std::countr_zero(mask);
  }
}

inline const char* end_of_spaces(const char* at) {
  const __m128i spaces = _mm_set1_epi8(' ');
  for (;; at += sizeof(__m128i)) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
    const auto equal = static_cast<unsigned>(_mm_movemask_epi8(_mm_cmpeq_epi8(bytes, spaces)));
    if (const unsigned others = equal ^ 0xFFFF; others != 0) return at + std::countr_zero(others);
  }
}

#else

static_assert(std::endian::native == std::endian::little, "the next byte is a word's lowest");

namespace scan {

constexpr uint64_t all(uint8_t byte) { return byte * 0x0101'0101'0101'0101U; }

// The highest bit of the first byte that is `byte`, and of none before it, is set.
constexpr uint64_t bytes_like(uint64_t bytes, char byte) {
  const uint64_t others = bytes ^ all(static_cast<uint8_t>(byte));
  return (others - all(1)) & ~others;
}

inline uint64_t next_bytes(const char* at) {
  uint64_t bytes = 0;
  std::memcpy(&bytes, at, sizeof bytes);
  return bytes;
}

}  // namespace scan

inline const char* end_of_plain(const char* at) {
  for (;; at += sizeof(uint64_t)) {
    const uint64_t bytes = scan::next_bytes(at);
    // Each has the highest bit of the first such byte set, and of none before it.
    const uint64_t controls = (bytes - scan::all(0x20)) & ~bytes;
    const uint64_t stops =
        (controls | scan::bytes_like(bytes, '"') | scan::bytes_like(bytes, '\\')) & scan::all(0x80);
    if (stops != 0) return at + std::countr_zero(stops) / 8;
  }
}

inline const char* end_of_spaces(const char* at) {
  for (;; at += sizeof(uint64_t)) {
    const uint64_t others = scan::next_bytes(at) ^ scan::all(' ');
    if (others != 0) return at + std::countr_zero(others) / 8;
  }
}

#endif

inline const char* end_of_json_space(const char* at) {
  const auto is_seen = [](char c) { return static_cast<unsigned char>(c) > ' '; };
  if (is_seen(*at)) return at;
  // The end of a line, with what the next one begins with; or a single space.
  if (*at == '\n') {
    at = end_of_spaces(at + 1);
  } else if (*at == ' ' && is_seen(at[1])) {
    ++at;
  }
  while (!is_seen(*at) && is_json_space(*at)) at = end_of_spaces(at + 1);
  return at;
}

}  // namespace jetpack::support
