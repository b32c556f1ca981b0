// What the processor has, by the instruction CPUID (Intel's manual, volume 2A).
#include "support/cpu_features.hpp"

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>

#include <cstdint>
#endif

namespace jetpack::support {

namespace {

#if defined(__x86_64__)

// The state that the operating system keeps for each thread, as XGETBV says it.
constexpr uint64_t kept_of_avx = 0x6, kept_of_avx512 = 0xe6;

__attribute__((target("xsave"))) uint64_t kept_state() { return _xgetbv(0); }

CpuFeatures ask() {
  unsigned a = 0, b = 0, c = 0, d = 0;
  CpuFeatures found;
  if (__get_cpuid_max(0, nullptr) < 7) return found;
  __cpuid(1, a, b, c, d);
  found.ssse3 = (c & bit_SSSE3) != 0;
  found.pclmul = (c & bit_PCLMUL) != 0;
  const uint64_t kept = (c & bit_OSXSAVE) != 0 ? kept_state() : 0;
  __cpuid_count(7, 0, a, b, c, d);
  found.sha = (b & bit_SHA) != 0;
  found.avx2 = (b & bit_AVX2) != 0 && (kept & kept_of_avx) == kept_of_avx;
  found.avx512bw = (b & bit_AVX512BW) != 0 && (kept & kept_of_avx512) == kept_of_avx512;
  return found;
}

#else

CpuFeatures ask() { return {}; }

#endif

}  // namespace

const CpuFeatures& cpu_features() {
  static const CpuFeatures found = ask();
  return found;
}

}  // namespace jetpack::support
