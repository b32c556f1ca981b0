// What the processor has, by the instruction CPUID (Intel's manual, volume 2A).
#include "support/cpu_features.hpp"

#if defined(__x86_64__)
#include <cpuid.h>
#include <dlfcn.h>
#include <immintrin.h>

#include <cstddef>
#include <cstdint>
#endif

namespace jetpack::support {

namespace {

#if defined(__x86_64__)

// The state that the operating system keeps for each thread, as XGETBV says it.
constexpr uint64_t kept_of_avx = 0x6, kept_of_avx512 = 0xe6;

__attribute__((target("xsave"))) uint64_t kept_state() { return _xgetbv(0); }

// What <sys/platform/x86.h> has since glibc 2.33, newer than the one we may be built with: what the
// C library was told at its start, and of that what the system lets programs use.
struct KnownLeaf {
  unsigned present[4];  // in EAX, EBX, ECX and EDX
  unsigned usable[4];
};
using KnownLeafFunction = const KnownLeaf*(unsigned);

CpuFeatures ask_library(KnownLeafFunction& leaf) {
  constexpr unsigned first_leaf = 0, seventh_leaf = 1;  // as that header numbers them
  constexpr size_t ebx = 1, ecx = 2;
  CpuFeatures found;
  const KnownLeaf& first = *leaf(first_leaf);
  found.ssse3 = (first.present[ecx] & bit_SSSE3) != 0;
  found.pclmul = (first.present[ecx] & bit_PCLMUL) != 0;
  const KnownLeaf& seventh = *leaf(seventh_leaf);
  found.sha = (seventh.present[ebx] & bit_SHA) != 0;
  found.avx2 = (seventh.usable[ebx] & bit_AVX2) != 0;
  found.avx512bw = (seventh.usable[ebx] & bit_AVX512BW) != 0;
  return found;
}

CpuFeatures ask_processor() {
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

CpuFeatures ask() {
  if (auto* leaf = reinterpret_cast<KnownLeafFunction*>(
          ::dlsym(RTLD_DEFAULT, "__x86_get_cpuid_feature_leaf")))
    return ask_library(*leaf);
  return ask_processor();
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
