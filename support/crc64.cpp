// CRC-64/NVME.
#include "support/crc64.hpp"

#include <array>
#include <bit>
#include <cstddef>
#include <cstring>

#include "support/cpu_features.hpp"
#include "support/encoding.hpp"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace jetpack::support {

namespace {

static_assert(std::endian::native == std::endian::little, "words are read as they stand");

// A polynomial of up to 64 terms is a word whose lowest bit is its x^63, as the checksum is
// reflected; the one that all is reduced by has an x^64 beside it.
constexpr uint64_t polynomial = 0x9a6c9329ac4bc9b5u;
constexpr uint64_t one = uint64_t{1} << 63;

constexpr uint64_t times_x(uint64_t value) {
  return (value >> 1) ^ ((value & 1) != 0 ? polynomial : 0);
}

constexpr uint64_t power_of_x(int exponent) {
  uint64_t power = one;
  for (int i = 0; i < exponent; ++i) power = times_x(power);
  return power;
}

// At [k][b], what byte b makes of the checksum when k more bytes follow it.
using ByteTables = std::array<std::array<uint64_t, 256>, 8>;

constexpr ByteTables make_byte_tables() {
  ByteTables tables{};
  for (size_t byte = 0; byte < 256; ++byte) {
    uint64_t value = byte;
    for (int bit = 0; bit < 8; ++bit) value = times_x(value);
    tables[0][byte] = value;
  }
  for (size_t k = 1; k < tables.size(); ++k)
    for (size_t byte = 0; byte < 256; ++byte) {
      const uint64_t before = tables[k - 1][byte];
      tables[k][byte] = (before >> 8) ^ tables[0][before & 0xff];
    }
  return tables;
}

constexpr ByteTables byte_tables = make_byte_tables();

uint64_t add_by_tables(uint64_t state, const char* data, size_t size) {
  for (; size >= sizeof state; size -= sizeof state, data += sizeof state) {
    uint64_t word = 0;
    std::memcpy(&word, data, sizeof word);
    word ^= state;
    state = 0;
    for (size_t i = 0; i < sizeof word; ++i)
      state ^= byte_tables[sizeof word - 1 - i][(word >> (8 * i)) & 0xff];
  }
  for (; size > 0; --size, ++data)
    state = (state >> 8) ^ byte_tables[0][(state ^ static_cast<unsigned char>(*data)) & 0xff];
  return state;
}

uint64_t product(uint64_t a, uint64_t b) {
  uint64_t sum = 0;
  for (; a != 0; a <<= 1, b = times_x(b))
    if ((a & one) != 0) sum ^= b;
  return sum;
}

#if defined(__x86_64__)

constexpr size_t lane = 16;  // bytes
constexpr size_t lanes = 4;

// What moves a lane so many bytes on: its first half, of the higher terms, and its second are
// multiplied by these. The product of two reflected words is reflected with one x more.
struct Shift {
  uint64_t first;
  uint64_t second;
};
constexpr Shift shift_by(int bytes) {
  return {power_of_x(8 * bytes + 63), power_of_x(8 * bytes - 1)};
}
constexpr Shift by_all_lanes = shift_by(lane * lanes);
constexpr Shift by_lane = shift_by(lane);

__attribute__((target("pclmul"))) inline __m128i moved(__m128i value, __m128i shift) {
  return _mm_xor_si128(_mm_clmulepi64_si128(value, shift, 0x00),
                       _mm_clmulepi64_si128(value, shift, 0x11));
}

__m128i load_lane(const char* from) {
  return _mm_loadu_si128(static_cast<const __m128i*>(static_cast<const void*>(from)));
}

__m128i as_lane(Shift shift) {
  return _mm_set_epi64x(static_cast<long long>(shift.second), static_cast<long long>(shift.first));
}

// "Fast CRC Computation for Generic Polynomials Using PCLMULQDQ", Intel, 2009: folds whatever there
// is to 16 bytes that have the same checksum.
__attribute__((target("pclmul"))) uint64_t add_by_instructions(uint64_t state, const char* data,
                                                               size_t size) {
  const __m128i far = as_lane(by_all_lanes);
  const __m128i near = as_lane(by_lane);
  __m128i folded[lanes];
  for (size_t i = 0; i < lanes; ++i) folded[i] = load_lane(data + lane * i);
  folded[0] = _mm_xor_si128(folded[0], _mm_set_epi64x(0, static_cast<long long>(state)));
  for (data += lane * lanes, size -= lane * lanes; size >= lane * lanes;
       data += lane * lanes, size -= lane * lanes)
    for (size_t i = 0; i < lanes; ++i)
      folded[i] = _mm_xor_si128(moved(folded[i], far), load_lane(data + lane * i));
  __m128i last = folded[0];
  for (size_t i = 1; i < lanes; ++i) last = _mm_xor_si128(moved(last, near), folded[i]);
  std::array<char, lane> rest{};
  std::memcpy(rest.data(), &last, lane);
  return add_by_tables(add_by_tables(0, rest.data(), lane), data, size);
}

#endif

}  // namespace

void Crc64::update(std::string_view data) {
#if defined(__x86_64__)
  // To ask a virtual machine's processor takes as long as some ten KiB.
  constexpr size_t worth_asking = 1 << 10;
  if (data.size() >= worth_asking && cpu_features().pclmul) {
    state_ = add_by_instructions(state_, data.data(), data.size());
    return;
  }
#endif
  update_portably(data);
}

void Crc64::update_portably(std::string_view data) {
  state_ = add_by_tables(state_, data.data(), data.size());
}

uint64_t crc64(std::string_view data) {
  Crc64 checksum;
  checksum.update(data);
  return checksum.value();
}

uint64_t crc64_joined(uint64_t first, uint64_t second, uint64_t bytes) {
  uint64_t shift = one;
  for (uint64_t square = power_of_x(8); bytes != 0; bytes >>= 1, square = product(square, square))
    if ((bytes & 1) != 0) shift = product(shift, square);
  return product(first, shift) ^ second;
}

std::string crc64_header(uint64_t checksum) {
  std::array<char, sizeof checksum> bytes{};
  std::memcpy(bytes.data(), &checksum, bytes.size());
  return base64({bytes.data(), bytes.size()});
}

}  // namespace jetpack::support
