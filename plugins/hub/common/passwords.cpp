// Passwords and their hashes.
#include "common/passwords.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <array>
#include <charconv>
#include <optional>

#include <jetpack/error.hpp>
#include "support/encoding.hpp"
#include "support/random.hpp"

namespace jetpack::hub {

namespace {

constexpr std::string_view scheme = "pbkdf2-sha256$";
// Every password comes from random_password: 256 bits cannot be guessed, however little a guess
// costs. More rounds would cost the hub alone: 0.1 s for each node that comes back after a restart.
constexpr int iterations = 1000;
// A record with more is rejected: with it, anybody who edits the database could stop the hub.
constexpr int max_iterations = 10'000'000;
constexpr size_t digest_bytes = 32;

std::string derive(std::string_view password, std::string_view salt, int rounds) {
  std::array<unsigned char, digest_bytes> out{};
  if (PKCS5_PBKDF2_HMAC(password.data(), static_cast<int>(password.size()),
                        reinterpret_cast<const unsigned char*>(salt.data()),
                        static_cast<int>(salt.size()), rounds, EVP_sha256(),
                        static_cast<int>(out.size()), out.data()) != 1)
    throw Error(Errc::failed, "PBKDF2 failed in OpenSSL");
  return support::hex(out);
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

std::string random_password() { return support::hex(support::random_bytes(32)); }

std::string hash_password(std::string_view password) {
  const std::string salt = support::hex(support::random_bytes(16));
  return std::string(scheme) + std::to_string(iterations) + "$" + salt + "$" +
         derive(password, salt, iterations);
}

bool verify_password(std::string_view password, std::string_view record) {
  const auto parsed = parse(record);
  return parsed &&
         equal_in_constant_time(derive(password, parsed->salt, parsed->rounds), parsed->hash);
}

bool equal_in_constant_time(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace jetpack::hub
