// fuzz_bundle.cpp: libFuzzer target for the zip file of a bundle, its names and its content.
#include <cstddef>
#include <cstdint>

#include "bundles/zip_reader.hpp"
#include "loader/refusal.hpp"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace jetpack;
  try {
    const MemoryReader file({reinterpret_cast<const char*>(data), size});
    const bundles::ZipReader zip(file);
    for (size_t i = 0; i < zip.entries().size(); ++i) {
      uint64_t bytes = 0;
      zip.read(i, [&](std::string_view piece) { bytes += piece.size(); });
      if (bytes != zip.entries()[i].size) __builtin_trap();
    }
  } catch (const Refusal&) {
    return 0;
  }
  return 0;
}
