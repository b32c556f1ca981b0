// Tests of how pasted public keys are read.
#include "support/public_keys.hpp"

#include <doctest/doctest.h>

using jetpack::support::read_public_keys;
using Lines = std::vector<std::string>;

TEST_CASE("keys are read as sshd reads them") {
  const std::string key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5 ada@demo";
  const auto is_taken = [&](const std::string& text, const std::string& line) {
    const auto keys = read_public_keys(text);
    return keys.lines == Lines{line} && keys.invalid == 0;
  };
  CHECK(is_taken(key, key));
  CHECK(is_taken("  \t" + key + " \r\n\n", key));
  CHECK(is_taken("# laptop\n" + key, key));
  CHECK(is_taken("\n  # laptop\r\n\r\n" + key + "\r\n", key));
  for (const char* line :
       {"ssh-rsa\tAAAAB3", "ssh-rsa  AAAAB3  two blanks", "ecdsa-sha2-nistp256 AAAAE2Vj",
        "sk-ssh-ed25519@openssh.com AAAAGnNr", "ssh-ed25519-cert-v01@openssh.com AAAAIHNz",
        "no-pty ssh-rsa AAAAB3 x", "from=\"10.0.0.0/8\",no-pty \tssh-rsa AAAAB3",
        "command=\"echo \\\"a b\\\"\" ssh-rsa AAAAB3"})
    CHECK_MESSAGE(is_taken(line, line), line);
  CHECK(read_public_keys(key + "\nssh-rsa AAAAB3 b\n").lines == Lines{key, "ssh-rsa AAAAB3 b"});
}

TEST_CASE("what is not a public key is counted and does not cost the others") {
  for (const char* text :
       {"ssh-rsa", "ssh-rsa x", "AAAAB3", "rm -rf", "ssh-rsa AAAA!", "command=\"x ssh-rsa AAAAB3",
        "ssh-rsa AAAAB3 \x01", "ssh-rsa AAAAB3 J\xFCrgen"}) {
    const auto keys = read_public_keys(std::string(text) + "\nssh-rsa AAAAB3");
    CHECK_MESSAGE(keys.lines == Lines{"ssh-rsa AAAAB3"}, text);
    CHECK(keys.invalid == 1);
    CHECK_FALSE(keys.has_private_key);
  }
  CHECK(read_public_keys("ssh-rsa AAAA" + std::string(20000, 'x')).invalid == 1);
  CHECK(read_public_keys("").invalid == 0);
}

TEST_CASE("what is wrong is found by its line, however lines end") {
  for (const char* end : {"\n", "\r\n", "\r"}) {
    const std::string text = std::string("# mine") + end + "ssh-rsa AAAAB3 a" + end + end +
                             "not a key" + end + "-----BEGIN RSA PRIVATE KEY-----" + end + "x" +
                             end + "-----END RSA PRIVATE KEY-----" + end + "nor this";
    const auto keys = read_public_keys(text);
    CHECK(keys.invalid == 3);
    CHECK(keys.invalid_line == 4);
    CHECK(keys.private_line == 5);
  }
}

TEST_CASE("a private key is known as such, whole") {
  for (const char* block : {"-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNz\nssh-rsa "
                            "AAAAB3\n-----END OPENSSH PRIVATE KEY-----",
                            "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: "
                            "4,ENCRYPTED\n\nMIIE\n-----END RSA PRIVATE KEY-----",
                            "PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none\nPublic-Lines: "
                            "1\nAAAA\nPrivate-MAC: 1"}) {
    const auto keys = read_public_keys(std::string(block) + "\nssh-rsa AAAAB3 mine\n");
    CHECK(keys.lines == Lines{"ssh-rsa AAAAB3 mine"});
    CHECK(keys.invalid == 1);
    CHECK(keys.has_private_key);
  }
  const auto ssh2 =
      read_public_keys("---- BEGIN SSH2 PUBLIC KEY ----\nAAAA\n---- END SSH2 PUBLIC KEY ----");
  CHECK(ssh2.invalid == 1);
  CHECK_FALSE(ssh2.has_private_key);
}
