// Finds the places in a text where a secret may be, at memory speed, so that the rules look only
// there.
#include "support/redact_candidates.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace jetpack::support {

namespace {

// Four consecutive sets of bytes. Only the rules distinguish patterns of the same bucket. A search
// chose these buckets because they give the fewest false candidates in logs and documents: 0.3 per
// KiB.
struct Pattern {
  unsigned bucket;
  bool any_case;
  std::array<std::string_view, candidate_bytes> sets;
};

constexpr std::string_view separators = "=:\"'\\ \t%>";
constexpr std::string_view base64url =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
constexpr std::string_view printable =
    "!\"#$%&'()*+,-.0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[]^_`abcdefghijklmnopqrstuvwxyz{|}~";
constexpr Pattern patterns[] = {
    {0, false, {":", "/", "/", printable}},  // https://user:password@
    {0, false, {"e", "y", "J", base64url}},  // JSON web tokens
    {1, false, {" ", "-", "u", " "}},        // curl -u
    {1, true, {"r", "i", "z", "a"}},         // authorization
    {2, true, {"s", "s", "w", "od"}},        // password, passwd
    {2, true, {"s", "s", "s", "i"}},         // SharedAccessSignature
    {2, false, {"-", "B", "E", "G"}},        // PEM
    {3, true, {"_-\"'h", "p", "a", "s"}},    // db_pass, --pass, "pass", sshpass
    {4, true, {"k", "e", "y", separators}},  // api_key, AccountKey
    {4, true, {"s", "i", "g", separators}},  // sig
    {5, true, {"o", "k", "e", "n"}},         // token
    {5, true, {"o", "k", "i", "e"}},         // cookie
    {6, true, {"u", "t", "h", "\"'\\"}},     // "auth"
    {6, true, {"p", "w", "d", separators}},  // pwd
    {7, true, {"s", "p", "h", "r"}},         // passphrase
    {7, true, {"c", "r", "e", "t"}},         // secret
    {7, true, {"a", "r", "e", "r"}},         // bearer
};

constexpr size_t nibbles = 16;
using Nibbles = std::array<uint8_t, nibbles>;

// A byte is in a set when the entries of both its nibbles have the bucket's bit.
struct alignas(16) Tables {
  std::array<Nibbles, candidate_bytes> low{};
  std::array<Nibbles, candidate_bytes> high{};
};

constexpr bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

constexpr Tables make_tables() {
  Tables tables;
  const auto add = [&](size_t position, unsigned char byte, uint8_t bit) {
    tables.low[position][byte & 15] |= bit;
    tables.high[position][byte >> 4] |= bit;
  };
  for (const auto& pattern : patterns) {
    const auto bit = static_cast<uint8_t>(1U << pattern.bucket);
    for (size_t i = 0; i < candidate_bytes; ++i) {
      for (const char c : pattern.sets[i]) {
        add(i, static_cast<unsigned char>(c), bit);
        if (pattern.any_case && is_letter(c)) add(i, static_cast<unsigned char>(c ^ 0x20), bit);
      }
    }
  }
  return tables;
}

constexpr Tables nibble_tables = make_tables();

// The same for processors without shuffles: one lookup per byte.
using ByteTable = std::array<uint8_t, 256>;
constexpr std::array<ByteTable, candidate_bytes> make_byte_tables() {
  std::array<ByteTable, candidate_bytes> tables{};
  for (size_t i = 0; i < candidate_bytes; ++i)
    for (size_t byte = 0; byte < tables[i].size(); ++byte)
      tables[i][byte] = nibble_tables.low[i][byte & 15] & nibble_tables.high[i][byte >> 4];
  return tables;
}

constexpr std::array<ByteTable, candidate_bytes> byte_tables = make_byte_tables();

size_t find_portable(std::string_view text, size_t from) {
  const auto* data = reinterpret_cast<const unsigned char*>(text.data());
  for (size_t at = from; at + candidate_bytes <= text.size(); ++at) {
    const unsigned hit = byte_tables[0][data[at]] & byte_tables[1][data[at + 1]] &
                         byte_tables[2][data[at + 2]] & byte_tables[3][data[at + 3]];
    if (hit != 0) return at;
  }
  return text.size();
}

#if defined(__x86_64__)

__attribute__((target("ssse3"))) size_t find_ssse3(std::string_view text, size_t from) {
  constexpr size_t width = sizeof(__m128i);
  const __m128i half = _mm_set1_epi8(15);
  while (from + width + candidate_bytes - 1 <= text.size()) {
    __m128i hits = _mm_set1_epi8(-1);
    for (size_t i = 0; i < candidate_bytes; ++i) {
      const void* low_table = nibble_tables.low[i].data();
      const void* high_table = nibble_tables.high[i].data();
      const void* place = text.data() + from + i;
      const __m128i bytes = _mm_loadu_si128(static_cast<const __m128i*>(place));
      const __m128i low = _mm_shuffle_epi8(_mm_loadu_si128(static_cast<const __m128i*>(low_table)),
                                           _mm_and_si128(bytes, half));
      const __m128i high =
          _mm_shuffle_epi8(_mm_loadu_si128(static_cast<const __m128i*>(high_table)),
                           _mm_and_si128(_mm_srli_epi16(bytes, 4), half));
      hits = _mm_and_si128(hits, _mm_and_si128(low, high));
    }
    const auto none =
        static_cast<uint16_t>(_mm_movemask_epi8(_mm_cmpeq_epi8(hits, _mm_setzero_si128())));
    if (none != 0xFFFF) return from + static_cast<size_t>(std::countr_one(none));
    from += width;
  }
  return find_portable(text, from);
}

__attribute__((target("avx2"))) size_t find_avx2(std::string_view text, size_t from) {
  constexpr size_t width = sizeof(__m256i);
  const __m256i half = _mm256_set1_epi8(15);
  while (from + width + candidate_bytes - 1 <= text.size()) {
    __m256i hits = _mm256_set1_epi8(-1);
    for (size_t i = 0; i < candidate_bytes; ++i) {
      const void* low_table = nibble_tables.low[i].data();
      const void* high_table = nibble_tables.high[i].data();
      const void* place = text.data() + from + i;
      const __m256i bytes = _mm256_loadu_si256(static_cast<const __m256i*>(place));
      const __m256i low = _mm256_shuffle_epi8(
          _mm256_broadcastsi128_si256(_mm_loadu_si128(static_cast<const __m128i*>(low_table))),
          _mm256_and_si256(bytes, half));
      const __m256i high = _mm256_shuffle_epi8(
          _mm256_broadcastsi128_si256(_mm_loadu_si128(static_cast<const __m128i*>(high_table))),
          _mm256_and_si256(_mm256_srli_epi16(bytes, 4), half));
      hits = _mm256_and_si256(hits, _mm256_and_si256(low, high));
    }
    const auto none = static_cast<uint32_t>(
        _mm256_movemask_epi8(_mm256_cmpeq_epi8(hits, _mm256_setzero_si256())));
    if (none != 0xFFFFFFFF) return from + static_cast<size_t>(std::countr_one(none));
    from += width;
  }
  return find_portable(text, from);
}

#endif

}  // namespace

std::span<const CandidateFinder> candidate_finders() {
#if defined(__x86_64__)
  static constexpr std::array all{&find_portable, &find_ssse3, &find_avx2};
  if (__builtin_cpu_supports("avx2")) return std::span(all).first(3);
  if (__builtin_cpu_supports("ssse3")) return std::span(all).first(2);
  return std::span(all).first(1);
#else
  static constexpr std::array all{&find_portable};
  return all;
#endif
}

CandidateFinder candidate_finder() { return candidate_finders().back(); }

}  // namespace jetpack::support
