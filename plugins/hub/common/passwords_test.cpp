// Tests of password hashes.
#include "common/passwords.hpp"

#include <doctest/doctest.h>

#include "support/random.hpp"

using namespace jetpack::hub;
namespace support = jetpack::support;

TEST_CASE("a password is verified by its record") {
  const std::string record = hash_password("correct horse");
  CHECK(record.starts_with("pbkdf2-sha256$1000$"));
  CHECK(verify_password("correct horse", record));
  CHECK_FALSE(verify_password("correct hors", record));
  CHECK_FALSE(verify_password("", record));
  CHECK(hash_password("correct horse") != record);
}

TEST_CASE("the derivation is PBKDF2-HMAC-SHA256") {
  // RFC 7914, section 11, first 32 bytes of the vector P="passwd", S="salt", c=1.
  CHECK(verify_password("passwd",
                        "pbkdf2-sha256$1$salt$"
                        "55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc"));
}

TEST_CASE("what is no record verifies nothing") {
  const std::string hash(64, '0');
  for (const auto& record :
       {std::string(), std::string("x"), "pbkdf2-sha256$" + hash, "pbkdf2-sha256$0$salt$" + hash,
        "pbkdf2-sha256$-1$salt$" + hash, "pbkdf2-sha256$1$$" + hash,
        "pbkdf2-sha256$99999999999$salt$" + hash, std::string("pbkdf2-sha256$1$salt$short")})
    CHECK_FALSE(verify_password("", record));
}

TEST_CASE("randomness has the size and form asked for") {
  CHECK(random_password().size() == 64);
  CHECK(random_password() != random_password());
  const std::string uuid = support::random_uuid();
  CHECK(uuid.size() == 36);
  CHECK(uuid[8] == '-');
  CHECK(uuid[14] == '4');
  CHECK(std::string("89ab").find(uuid[19]) != std::string::npos);
}

TEST_CASE("comparison") {
  CHECK(equal_in_constant_time("", ""));
  CHECK(equal_in_constant_time("ab", "ab"));
  CHECK_FALSE(equal_in_constant_time("ab", "ac"));
  CHECK_FALSE(equal_in_constant_time("ab", "abc"));
}
