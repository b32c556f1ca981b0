// Files with keys: PEM, as OpenSSL writes and reads it.
#include "bundles/key_files.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <cctype>
#include <optional>

#include <jetpack/error.hpp>
#include "support/encoding.hpp"
#include "support/files.hpp"

namespace jetpack::bundles {

namespace {

constexpr uint64_t max_file = 64 << 10;
constexpr std::string_view private_label = "PRIVATE KEY", public_label = "PUBLIC KEY";

// What stands before the raw bytes in DER: RFC 8410, sections 4 and 7.
constexpr std::string_view private_start(
    "\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20", 16);
constexpr std::string_view public_start("\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00", 12);

std::string pem(std::string_view label, std::string_view start, std::string_view bytes) {
  const std::string name(label);
  return "-----BEGIN " + name + "-----\n" +
         support::base64(std::string(start) + std::string(bytes)) + "\n-----END " + name +
         "-----\n";
}

// The raw bytes in a PEM; nullopt when it is not one of such a key.
std::optional<std::string> unpem(std::string_view text, std::string_view label,
                                 std::string_view start) {
  const std::string name(label);
  const std::string begin = "-----BEGIN " + name + "-----", end = "-----END " + name + "-----";
  const size_t from = text.find(begin);
  const size_t to = from == std::string_view::npos ? from : text.find(end, from);
  if (to == std::string_view::npos) return std::nullopt;
  std::string body(text.substr(from + begin.size(), to - from - begin.size()));
  std::erase_if(body, [](char c) { return c == '\n' || c == '\r' || c == ' '; });
  const auto der = support::base64_decoded(body);
  if (!der || !der->starts_with(start)) return std::nullopt;
  return der->substr(start.size());
}

}  // namespace

std::string private_key_pem(const PrivateKey& key) {
  return pem(private_label, private_start, key.bytes());
}

std::string public_key_pem(const PublicKey& key) {
  return pem(public_label, public_start, key.bytes());
}

PrivateKey parse_private_key(std::string_view text, const std::string& name) {
  const auto bytes = unpem(text, private_label, private_start);
  auto key = bytes ? PrivateKey::from_bytes(*bytes) : std::nullopt;
  if (!key)
    throw Error(Errc::corrupt, name +
                                   " is not a private Ed25519 key in PEM; create one with "
                                   "'jetpack plugin keygen'");
  return *std::move(key);
}

PublicKey parse_public_key(std::string_view text, const std::string& name) {
  const auto bytes = unpem(text, public_label, public_start);
  const auto key = bytes ? PublicKey::from_bytes(*bytes) : std::nullopt;
  if (!key) throw Error(Errc::corrupt, name + " is not a public Ed25519 key in PEM");
  return *key;
}

PrivateKey read_private_key(const std::string& file) {
  struct stat info {};
  if (file != "-" && ::stat(file.c_str(), &info) == 0 && S_ISREG(info.st_mode) &&
      (info.st_mode & (S_IRWXG | S_IRWXO)) != 0)
    throw Error(Errc::denied,
                "the private key " + file + " can be read by others than its owner; chmod 600 it");
  return parse_private_key(support::read_input(file, max_file), support::name_of_input(file));
}

PublicKey read_public_key(const std::string& file) {
  return parse_public_key(support::read_input(file, max_file), support::name_of_input(file));
}

}  // namespace jetpack::bundles
