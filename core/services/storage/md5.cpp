// MD5 by RFC 1321, written once for a single stream and for several in vector lanes.
#include "services/storage/md5.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

#include "support/cpu_features.hpp"

namespace jetpack::storage {

namespace {

static_assert(std::endian::native == std::endian::little, "words are read as they stand");

constexpr size_t md5_block = 64;
// Each step waits for the one before it, so that two vectors take not much longer than one: sixteen
// streams are 1.5 times as fast as eight.
constexpr size_t few_lanes = 8;
constexpr size_t many_lanes = 16;
// Fewer blocks than this are faster one after another.
constexpr size_t least_lanes = 3;

// GCC's and Clang's vectors: one word of each of so many streams. The compiler makes several of what is
// longer than the processor's.
template <size_t Lanes>
struct Vector {
  using Words [[gnu::vector_size(Lanes * sizeof(uint32_t))]] = uint32_t;
};
template <size_t Lanes>
using Words = typename Vector<Lanes>::Words;

// floor(abs(sin(i + 1)) * 2^32), RFC 1321, 3.4.
constexpr std::array<uint32_t, 64> sines = {
    0xd76aa478u, 0xe8c7b756u, 0x242070dbu, 0xc1bdceeeu, 0xf57c0fafu, 0x4787c62au, 0xa8304613u,
    0xfd469501u, 0x698098d8u, 0x8b44f7afu, 0xffff5bb1u, 0x895cd7beu, 0x6b901122u, 0xfd987193u,
    0xa679438eu, 0x49b40821u, 0xf61e2562u, 0xc040b340u, 0x265e5a51u, 0xe9b6c7aau, 0xd62f105du,
    0x02441453u, 0xd8a1e681u, 0xe7d3fbc8u, 0x21e1cde6u, 0xc33707d6u, 0xf4d50d87u, 0x455a14edu,
    0xa9e3e905u, 0xfcefa3f8u, 0x676f02d9u, 0x8d2a4c8au, 0xfffa3942u, 0x8771f681u, 0x6d9d6122u,
    0xfde5380cu, 0xa4beea44u, 0x4bdecfa9u, 0xf6bb4b60u, 0xbebfbc70u, 0x289b7ec6u, 0xeaa127fau,
    0xd4ef3085u, 0x04881d05u, 0xd9d4d039u, 0xe6db99e5u, 0x1fa27cf8u, 0xc4ac5665u, 0xf4292244u,
    0x432aff97u, 0xab9423a7u, 0xfc93a039u, 0x655b59c3u, 0x8f0ccc92u, 0xffeff47du, 0x85845dd1u,
    0x6fa87e4fu, 0xfe2ce6e0u, 0xa3014314u, 0x4e0811a1u, 0xf7537e82u, 0xbd3af235u, 0x2ad7d2bbu,
    0xeb86d391u};

constexpr std::array<std::array<unsigned, 4>, 4> turns = {
    {{7, 12, 17, 22}, {5, 9, 14, 20}, {4, 11, 16, 23}, {6, 10, 15, 21}}};

// Step I of 64. `b` is what the step before it made, so that whatever does not need it is added to
// `a` first; in the second round the two halves of its function have no bit in common, and a sum
// does instead of an or.
template <size_t I, class Word>
[[gnu::always_inline]] inline void md5_step(Word& a, const Word& b, const Word& c, const Word& d,
                                            const Word* words) {
  constexpr size_t round = I / 16;
  constexpr unsigned turn = turns[round][I % 4];
  constexpr size_t word = round == 0   ? I
                          : round == 1 ? (5 * I + 1) % 16
                          : round == 2 ? (3 * I + 5) % 16
                                       : (7 * I) % 16;
  a += words[word] + sines[I];
  if constexpr (round == 0) a += d ^ (b & (c ^ d));
  if constexpr (round == 1) {
    a += ~d & c;
    a += d & b;
  }
  if constexpr (round == 2) a += (c ^ d) ^ b;
  if constexpr (round == 3) a += c ^ (b | ~d);
  a = (a << turn) | (a >> (32 - turn));
  a += b;
}

// Four steps for each I, with names for the state and not an array, which a compiler leaves in
// memory.
template <class Word, size_t... I>
[[gnu::always_inline]] inline void md5_steps(Word* state, const Word* words,
                                             std::index_sequence<I...>) {
  Word a = state[0];
  Word b = state[1];
  Word c = state[2];
  Word d = state[3];
  ((md5_step<4 * I>(a, b, c, d, words), md5_step<4 * I + 1>(d, a, b, c, words),
    md5_step<4 * I + 2>(c, d, a, b, words), md5_step<4 * I + 3>(b, c, d, a, words)),
   ...);
  state[0] += a;
  state[1] += b;
  state[2] += c;
  state[3] += d;
}

void digest_blocks(std::array<uint32_t, 4>& state, const char* data, size_t count) {
  // A copy that `data` cannot refer to stays in registers.
  std::array<uint32_t, 4> own = state;
  for (; count > 0; --count, data += md5_block) {
    std::array<uint32_t, 16> words;
    std::memcpy(words.data(), data, sizeof words);
    md5_steps(own.data(), words.data(), std::make_index_sequence<16>());
  }
  state = own;
}

template <size_t Lanes>
using LanePointers = std::array<const char*, Lanes>;

[[gnu::always_inline]] inline uint32_t word_at(const char* data) {
  uint32_t word = 0;
  std::memcpy(&word, data, sizeof word);
  return word;
}

template <size_t Lanes>
[[gnu::always_inline]] inline void digest_lanes(Words<Lanes>* state,
                                                const LanePointers<Lanes>& data, size_t count) {
  for (size_t at = 0; at < count * md5_block; at += md5_block) {
    Words<Lanes> words[16];
    for (size_t i = 0; i < 16; ++i)
      for (size_t lane = 0; lane < Lanes; ++lane) words[i][lane] = word_at(data[lane] + at + 4 * i);
    md5_steps(state, words, std::make_index_sequence<16>());
  }
}

template <size_t Lanes>
using LaneFunction = void (*)(Words<Lanes>*, const LanePointers<Lanes>&, size_t);

template <size_t Lanes>
void digest_lanes_anywhere(Words<Lanes>* state, const LanePointers<Lanes>& data, size_t count) {
  digest_lanes<Lanes>(state, data, count);
}

#ifdef __x86_64__
template <size_t Lanes>
[[gnu::target("avx2")]] void digest_lanes_avx2(Words<Lanes>* state, const LanePointers<Lanes>& data,
                                               size_t count) {
  digest_lanes<Lanes>(state, data, count);
}

template <size_t Lanes>
[[gnu::target("avx512f,avx512vl")]] void digest_lanes_avx512(Words<Lanes>* state,
                                                             const LanePointers<Lanes>& data,
                                                             size_t count) {
  digest_lanes<Lanes>(state, data, count);
}
#endif

template <size_t Lanes>
LaneFunction<Lanes> lane_function() {
#ifdef __x86_64__
  // Whatever has AVX-512BW has AVX-512F and AVX-512VL.
  if (support::cpu_features().avx512bw) return &digest_lanes_avx512<Lanes>;
  if (support::cpu_features().avx2) return &digest_lanes_avx2<Lanes>;
#endif
  return &digest_lanes_anywhere<Lanes>;
}

// The last one or two blocks: what is left, a one bit, and the length in bits.
Md5Digest close_digest(std::array<uint32_t, 4> state, std::string_view rest, uint64_t bytes) {
  std::array<char, 2 * md5_block> end{};
  if (!rest.empty()) std::memcpy(end.data(), rest.data(), rest.size());
  end[rest.size()] = static_cast<char>(0x80);
  const size_t count = rest.size() + 9 <= md5_block ? 1 : 2;
  const uint64_t bits = bytes * 8;
  std::memcpy(end.data() + count * md5_block - sizeof bits, &bits, sizeof bits);
  digest_blocks(state, end.data(), count);
  Md5Digest digest;
  std::memcpy(digest.data(), state.data(), digest.size());
  return digest;
}

// The digests of at most so many blocks: side by side as far as the shortest goes, then each alone.
template <size_t Lanes>
void digest_group(const std::string_view* blocks, size_t count, std::vector<Md5Digest>& digests) {
  LanePointers<Lanes> data;
  // A lane that has no block of its own works on the first one, for nothing.
  for (size_t i = 0; i < Lanes; ++i) data[i] = blocks[i < count ? i : 0].data();
  const std::array<uint32_t, 4> start = {0x67452301u, 0xefcdab89u, 0x98badcfeu, 0x10325476u};
  Words<Lanes> state[4];
  for (size_t i = 0; i < 4; ++i) state[i] = Words<Lanes>{} + start[i];
  const auto by_size = [](std::string_view a, std::string_view b) { return a.size() < b.size(); };
  const size_t together = std::min_element(blocks, blocks + count, by_size)->size() / md5_block;
  lane_function<Lanes>()(state, data, together);
  for (size_t lane = 0; lane < count; ++lane) {
    std::array<uint32_t, 4> own = {state[0][lane], state[1][lane], state[2][lane], state[3][lane]};
    std::string_view rest = blocks[lane].substr(together * md5_block);
    digest_blocks(own, rest.data(), rest.size() / md5_block);
    rest.remove_prefix(rest.size() - rest.size() % md5_block);
    digests.push_back(close_digest(own, rest, uint64_t{blocks[lane].size()}));
  }
}

}  // namespace

void Md5::update(std::string_view data) {
  if (data.empty()) return;
  const size_t held = bytes_ % md5_block;
  bytes_ += data.size();
  if (held > 0) {
    const size_t taken = std::min(data.size(), md5_block - held);
    std::memcpy(rest_.data() + held, data.data(), taken);
    data.remove_prefix(taken);
    if (held + taken < md5_block) return;
    digest_blocks(state_, reinterpret_cast<const char*>(rest_.data()), 1);
  }
  const size_t whole = data.size() / md5_block;
  digest_blocks(state_, data.data(), whole);
  data.remove_prefix(whole * md5_block);
  if (!data.empty()) std::memcpy(rest_.data(), data.data(), data.size());
}

Md5Digest Md5::finish() {
  return close_digest(state_, {reinterpret_cast<const char*>(rest_.data()), bytes_ % md5_block},
                      bytes_);
}

Md5Digest md5_of(std::string_view data) {
  Md5 md5;
  md5.update(data);
  return md5.finish();
}

std::vector<Md5Digest> md5_of_each(const std::vector<std::string_view>& blocks) {
  std::vector<Md5Digest> digests;
  digests.reserve(blocks.size());
  for (size_t i = 0; i < blocks.size();) {
    size_t count = 1;
    for (auto [least, most] = std::pair(blocks[i].size(), blocks[i].size());
         count < many_lanes && i + count < blocks.size(); ++count) {
      least = std::min(least, blocks[i + count].size());
      most = std::max(most, blocks[i + count].size());
      if (most > 2 * least) break;
    }
    if (count > few_lanes) {
      digest_group<many_lanes>(blocks.data() + i, count, digests);
    } else if (count >= least_lanes) {
      digest_group<few_lanes>(blocks.data() + i, count, digests);
    } else {
      count = 1;
      digests.push_back(md5_of(blocks[i]));
    }
    i += count;
  }
  return digests;
}

}  // namespace jetpack::storage
