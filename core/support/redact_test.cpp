// Tests that secrets are masked, and that other text is not.
#include "support/redact.hpp"

#include <doctest/doctest.h>

namespace jetpack {

TEST_CASE("secrets are masked in the forms in which they turn up") {
  CHECK(redact("https://user:pa55@host/x") == "https://[redacted]@host/x");
  CHECK(redact(R"({"password": "pa\"55", "a": 1})") == R"({"password": "[redacted]", "a": 1})");
  CHECK(redact("api_password = pa55\nnext") == "api_password = [redacted]\nnext");
  CHECK(redact("?sv=2024&sig=abc%2B&se=1") == "?sv=2024&sig=[redacted]&se=1");
  CHECK(redact("AccountName=a;AccountKey=Zm9v==;x") == "AccountName=a;AccountKey=[redacted];x");
  CHECK(redact("Authorization: Basic dTpw") == "Authorization: [redacted]");
  CHECK(redact("authorization: Bearer abc.def") == "authorization: [redacted]");
  CHECK(redact("token eyJhbGciOiJI.eyJzdWIi.c2ln end") == "token [redacted] end");
  CHECK(redact("-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----") ==
        "[redacted]-----END RSA PRIVATE KEY-----");
  CHECK(redact("--password pa55") ==
        "--password pa55");  // no mark between: cannot be told from prose
}

TEST_CASE("what only looks like one stays") {
  for (const char* text : {"design=1", "the password was wrong", "mail@host", "a: b", "", "sig",
                           "https://host/path@2", "-----BEGIN CERTIFICATE-----"})
    CHECK(redact(text) == text);
}

}  // namespace jetpack
