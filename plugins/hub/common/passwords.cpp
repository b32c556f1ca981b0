// Password hashes, and the randomness that passwords are made of.
#include "common/passwords.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include <array>
#include <charconv>
#include <optional>

#include <jetpack/error.hpp>

namespace jetpack::hub {

namespace {

constexpr std::string_view scheme = "pbkdf2-sha256$";
// random_password makes every password here: 256 bits, which nobody guesses however little a guess
// costs. More rounds would cost the hub alone: 0.1 s for each node that comes back after a restart.
constexpr int iterations = 1000;
// A record with more is refused: it would let whoever edits the database stop the hub.
constexpr int max_iterations = 10'000'000;
constexpr size_t digest_bytes = 32;

std::string to_hex(std::string_view bytes) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string hex;
  hex.reserve(bytes.size() * 2);
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    hex += digits[byte >> 4U];
    hex += digits[byte & 15U];
  }
  return hex;
}

std::string random_bytes(size_t count) {
  std::string bytes(count, '\0');
  if (RAND_bytes(reinterpret_cast<unsigned char*>(bytes.data()), static_cast<int>(count)) != 1)
    throw Error(Errc::failed, "the system gives no random numbers");
  return bytes;
}

std::string derive(std::string_view password, std::string_view salt, int rounds) {
  std::array<unsigned char, digest_bytes> out{};
  if (PKCS5_PBKDF2_HMAC(password.data(), static_cast<int>(password.size()),
                        reinterpret_cast<const unsigned char*>(salt.data()),
                        static_cast<int>(salt.size()), rounds, EVP_sha256(),
                        static_cast<int>(out.size()), out.data()) != 1)
    throw Error(Errc::failed, "PBKDF2 failed in OpenSSL");
  return to_hex({reinterpret_cast<const char*>(out.data()), out.size()});
}

struct Record {
  int rounds;
  std::string_view salt, hash;
};

std::optional<Record> parse(std::string_view text) {
  if (!text.starts_with(scheme)) return std::nullopt;
  text.remove_prefix(scheme.size());
  Record record{};
  const auto [rest, failure] =
      std::from_chars(text.data(), text.data() + text.size(), record.rounds);
  if (failure != std::errc{} || record.rounds < 1 || record.rounds > max_iterations)
    return std::nullopt;
  text.remove_prefix(static_cast<size_t>(rest - text.data()));
  if (!text.starts_with('$')) return std::nullopt;
  text.remove_prefix(1);
  const size_t middle = text.find('$');
  if (middle == std::string_view::npos) return std::nullopt;
  record.salt = text.substr(0, middle);
  record.hash = text.substr(middle + 1);
  if (record.salt.empty() || record.hash.size() != digest_bytes * 2) return std::nullopt;
  return record;
}

}  // namespace

std::string random_hex(size_t bytes) { return to_hex(random_bytes(bytes)); }

std::string random_password() { return random_hex(32); }

std::string random_uuid() {
  std::string bytes = random_bytes(16);
  bytes[6] = static_cast<char>((static_cast<unsigned char>(bytes[6]) & 0x0FU) | 0x40U);
  bytes[8] = static_cast<char>((static_cast<unsigned char>(bytes[8]) & 0x3FU) | 0x80U);
  std::string uuid = to_hex(bytes);
  for (const size_t at : {size_t{8}, size_t{13}, size_t{18}, size_t{23}}) uuid.insert(at, 1, '-');
  return uuid;
}

std::string hash_password(std::string_view password) {
  const std::string salt = random_hex(16);
  return std::string(scheme) + std::to_string(iterations) + "$" + salt + "$" +
         derive(password, salt, iterations);
}

bool verify_password(std::string_view password, std::string_view record) {
  const auto parsed = parse(record);
  return parsed &&
         equal_in_constant_time(derive(password, parsed->salt, parsed->rounds), parsed->hash);
}

std::string sha256_hex(std::string_view text) {
  std::array<unsigned char, digest_bytes> out{};
  if (EVP_Digest(text.data(), text.size(), out.data(), nullptr, EVP_sha256(), nullptr) != 1)
    throw Error(Errc::failed, "SHA-256 failed in OpenSSL");
  return to_hex({reinterpret_cast<const char*>(out.data()), out.size()});
}

std::string keyed_digest(std::string_view key, std::string_view text) {
  std::array<unsigned char, digest_bytes> out{};
  unsigned int size = 0;
  if (HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
           reinterpret_cast<const unsigned char*>(text.data()), text.size(), out.data(),
           &size) == nullptr)
    throw Error(Errc::failed, "HMAC failed in OpenSSL");
  return {reinterpret_cast<const char*>(out.data()), size};
}

bool equal_in_constant_time(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace jetpack::hub
