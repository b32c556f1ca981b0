// fuzz_signature.cpp: libFuzzer target for signatures and files with keys. What is accepted is
// written back as it was read, and is a signature of nothing but what was signed.
#include <cstddef>
#include <cstdint>
#include <string>

#include <jetpack/error.hpp>
#include "bundles/key_files.hpp"
#include "bundles/signature.hpp"
#include "loader/refusal.hpp"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace jetpack::bundles;
  const std::string text(reinterpret_cast<const char*>(data), size);
  try {
    const Signature signature = Signature::parse(text);
    if (signature.text() != text && signature.text() != text + '\n') __builtin_trap();
    if (signature.is_of(text)) __builtin_trap();
  } catch (const jetpack::Refusal&) {
  }
  try {
    const PublicKey key = parse_public_key(text, "key");
    if (!(parse_public_key(public_key_pem(key), "key") == key)) __builtin_trap();
  } catch (const jetpack::Error&) {
  }
  try {
    const PrivateKey key = parse_private_key(text, "key");
    if (!key.public_key().verifies(text, key.sign(text))) __builtin_trap();
  } catch (const jetpack::Error&) {
  }
  return 0;
}
