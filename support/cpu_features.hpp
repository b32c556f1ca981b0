// What the processor has beyond what every one of its kind has.
#pragma once

namespace jetpack::support {

// All false on other processors than x86-64. The names are Intel's.
struct CpuFeatures {
  bool ssse3 = false;
  bool avx2 = false;
  bool avx512bw = false;
  bool sha = false;
  bool pclmul = false;
};

// Asks the C library, or where that does not say, the processor. With the first call, and not when a
// program starts, as the compiler's __builtin_cpu_supports does: each question to the processor leaves
// a virtual machine for its host, and the compiler's 25 take longer than all that we do until main().
// Thread-safe.
const CpuFeatures& cpu_features();

}  // namespace jetpack::support
