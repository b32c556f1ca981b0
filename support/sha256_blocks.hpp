// The compression function of SHA-256 (FIPS 180-4), by the processor's own instructions where it has
// them.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace jetpack::support {

using Sha256State = std::array<uint32_t, 8>;
inline constexpr size_t sha256_block = 64;  // bytes

// Adds whole blocks to the state.
void add_sha256_blocks(Sha256State& state, const unsigned char* data, size_t blocks);
// The same without those instructions.
void add_sha256_blocks_portably(Sha256State& state, const unsigned char* data, size_t blocks);

}  // namespace jetpack::support
