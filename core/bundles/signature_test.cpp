// Keys and signatures.
#include "bundles/signature.hpp"

#include <string>

#include <doctest/doctest.h>

#include <jetpack/error.hpp>
#include "bundles/key_files.hpp"
#include "loader/refusal.hpp"
#include "support/encoding.hpp"
#include "support/files.hpp"
#include "support/testing/temporary_directory.hpp"

using namespace jetpack;
using namespace jetpack::bundles;

namespace {

std::string unhex(std::string_view digits) {
  std::string bytes;
  for (size_t i = 0; i < digits.size(); i += 2)
    bytes += static_cast<char>(support::hex_digit_value(digits[i]) * 16 +
                               support::hex_digit_value(digits[i + 1]));
  return bytes;
}

}  // namespace

TEST_CASE("the second test vector of RFC 8032, section 7.1") {
  const auto key = PrivateKey::from_bytes(
      unhex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb"));
  REQUIRE(key);
  const PublicKey its_public = key->public_key();
  CHECK(support::hex(its_public.bytes()) ==
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c");
  const std::string signature = key->sign("\x72");
  CHECK(support::hex(signature) ==
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
        "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00");
  CHECK(its_public.verifies("\x72", signature));
  CHECK_FALSE(its_public.verifies("\x73", signature));
  CHECK_FALSE(its_public.verifies("\x72", signature.substr(1)));
}

TEST_CASE("keys survive their files") {
  const PrivateKey key = PrivateKey::generate();
  CHECK(parse_private_key(private_key_pem(key), "x").public_key() == key.public_key());
  CHECK(parse_public_key("a comment\n" + public_key_pem(key.public_key()), "x") ==
        key.public_key());
  CHECK_THROWS_AS(parse_public_key(private_key_pem(key), "x"), Error);
  CHECK_THROWS_AS(parse_private_key("", "x"), Error);
  CHECK_FALSE(PublicKey::from_bytes("short"));
}

TEST_CASE("a signature is one line that names its key") {
  const PrivateKey key = PrivateKey::generate();
  const std::string text = Signature::sign(key, "message").text();
  const Signature signature = Signature::parse(text);
  CHECK(signature.is_of("message"));
  CHECK_FALSE(signature.is_of("another"));
  CHECK(text.starts_with(key.public_key().id() + ' '));
  for (const auto& bad : {std::string(), std::string("a b c\n"), text + "x", ' ' + text,
                          "0000000000000000" + text.substr(16), text.substr(0, 40)})
    CHECK_THROWS_AS(Signature::parse(bad), Refusal);
}

TEST_CASE("trusted keys are those in files of their own name") {
  const support::TemporaryDirectory directory;
  const TrustedKeys keys(directory.file("keys"));
  const PublicKey one = PrivateKey::generate().public_key(),
                  two = PrivateKey::generate().public_key();
  CHECK(keys.list().empty());
  CHECK_FALSE(keys.contains(one));
  CHECK(keys.add(one));
  CHECK_FALSE(keys.add(one));
  CHECK(keys.contains(one));
  CHECK_FALSE(keys.contains(two));
  directory.write("keys/" + two.id() + ".pub", public_key_pem(one));
  CHECK_THROWS_AS(static_cast<void>(keys.contains(two)), Error);
  directory.write("keys/other.pub", "");
  CHECK(keys.list().size() == 3);
  CHECK(keys.remove(one.id()));
  CHECK_FALSE(keys.remove(one.id()));
  CHECK_THROWS_AS(static_cast<void>(keys.remove("../x")), Error);
}
