// fuzz_manifest.cpp: libFuzzer target for a bundle's manifest and for an index. A manifest that is
// written as ours are must say the same to the reader that installs and to the one that lists.
#include <cstddef>
#include <cstdint>
#include <string>

#include "bundles/bundle_manifest.hpp"
#include "bundles/index.hpp"
#include "loader/refusal.hpp"

namespace {

void read_manifest(const std::string& text) {
  using namespace jetpack;
  const auto manifest = bundles::BundleManifest::parse(text);
  if (manifest.text() != text) return;
  const auto listed = Manifest::parse(text, "plugin.json");
  if (listed.id() != manifest.id || listed.version() != manifest.version) __builtin_trap();
  if (listed.capabilities() != manifest.capabilities) __builtin_trap();
  if (listed.limits() != manifest.limits) __builtin_trap();
  for (const auto& library : listed.libraries()) {
    const auto file = listed.file(library);
    if (!file || file->sha256 != manifest.files.at(library).sha256) __builtin_trap();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  try {
    read_manifest(text);
  } catch (const jetpack::Refusal&) {
  }
  try {
    for (const auto& offer : jetpack::bundles::parse_index(text, "https://host/index.json"))
      if (offer.location.empty()) __builtin_trap();
  } catch (const jetpack::Refusal&) {
  }
  const size_t half = size / 2;
  const auto order = [&](const std::string& a, const std::string& b) {
    return jetpack::bundles::compare_versions(a, b);
  };
  const std::string a = text.substr(0, half), b = text.substr(half);
  if ((order(a, b) < 0) != (order(b, a) > 0) || order(a, a) != 0) __builtin_trap();
  return 0;
}
