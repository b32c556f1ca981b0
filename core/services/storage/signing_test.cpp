// Signatures are those that Microsoft's own client makes: the expected ones come from
// @azure/storage-blob 12.32.0.
#include "services/storage/signing.hpp"
#include "support/times.hpp"

#include <doctest/doctest.h>

using namespace jetpack::storage;

namespace {

constexpr std::string_view account_key = "0123456789abcdef0123456789abcdef";

SasTerms terms() {
  return {"acct",
          "box",
          "issues/a b+ü.zip",
          *jetpack::support::parse_iso_8601("2026-01-02T03:04:05Z"),
          *jetpack::support::parse_iso_8601("2026-02-01T03:04:05Z"),
          "disposition; file; attachment",
          "binary"};
}

std::string signature_in(const std::string& query) { return query.substr(query.find("&sig=") + 5); }

}  // namespace

TEST_CASE("SharedKey of a block that is put") {
  const Parameters query{{"comp", "block"}, {"blockid", "QUJD"}};
  const Parameters headers{{"content-type", "application/octet-stream"},
                           {"content-md5", "AQEBAQEBAQEBAQEBAQEBAQ=="},
                           {"x-ms-version", "2026-04-06"},
                           {"x-ms-client-request-id", "f37e97a0-2edf-4c39-a1f7-93672cd50fb1"},
                           {"x-ms-date", "Mon, 23 Nov 2026 00:23:59 GMT"}};
  CHECK(shared_key({"PUT", "acct", "/box/dir/a%20b%2B%C3%BC.zip", query, headers, 5},
                   account_key) == "SharedKey acct:mAlqqIsp6TJhElvsJqaaa51LPXkRP48JZuS+6mXK5i8=");
}

TEST_CASE("SharedKey of a range under a condition") {
  const Parameters headers{{"x-ms-range", "bytes=5-14"},
                           {"if-match", "\"0x8D4\""},
                           {"x-ms-version", "2026-04-06"},
                           {"x-ms-client-request-id", "4b68e093-5d13-445d-8589-0e43040a45e1"},
                           {"x-ms-date", "Mon, 23 Nov 2026 00:23:59 GMT"}};
  CHECK(shared_key({"GET", "acct", "/box/dir/a%20b%2B%C3%BC.zip", {}, headers, 0}, account_key) ==
        "SharedKey acct:Trat5bic4kuzcmtLKyk8xwNo9hIcAINTRAX9vzCVZpc=");
}

TEST_CASE("SharedKey of a listing") {
  const Parameters query{{"comp", "list"},
                         {"prefix", "a/b"},
                         {"marker", "m k"},
                         {"maxresults", "7"},
                         {"restype", "container"}};
  const Parameters headers{{"x-ms-version", "2026-04-06"},
                           {"x-ms-client-request-id", "5b8f4118-ba10-4348-af50-0995ea73355f"},
                           {"x-ms-date", "Mon, 23 Nov 2026 00:23:59 GMT"}};
  CHECK(shared_key({"GET", "acct", "/box", query, headers, 0}, account_key) ==
        "SharedKey acct:sqqWzYY/bO/dmFwT+8XNtgOUx1E9BLep0PjaDeLFqio=");
}

TEST_CASE("a service SAS") {
  const auto query = service_sas(terms(), account_key);
  CHECK(query ==
        "sv=2020-12-06&spr=https&st=2026-01-02T03%3A04%3A05Z&se=2026-02-01T03%3A04%3A05Z&sr=b&sp=r"
        "&rscd=disposition%3B%20file%3B%20attachment&rsct=binary"
        "&sig=BRypdu%2Fc9QNuccHg5ABdOA3w0ftqO95JgZerDUcfhGE%3D");
}

TEST_CASE("a user delegation SAS") {
  const DelegationKey key{"11111111-2222-3333-4444-555555555555",
                          "66666666-7777-8888-9999-000000000000",
                          "2026-01-02T03:04:05Z",
                          "2026-01-08T00:00:00Z",
                          "b",
                          "2020-12-06",
                          std::string(account_key)};
  const auto query = delegation_sas(terms(), key);
  CHECK(signature_in(query) == "%2F2UFqniPs42G3%2B%2BASiazElKjtBBobgYfaEyaBOp0S60%3D");
  for (const auto* part :
       {"&skoid=11111111-2222-3333-4444-555555555555", "&sktid=66666666-7777-8888-9999-0000",
        "&skt=2026-01-02T03%3A04%3A05Z", "&ske=2026-01-08T00%3A00%3A00Z", "&sks=b",
        "&skv=2020-12-06", "&sp=r", "&spr=https"})
    CHECK_MESSAGE(query.find(part) != std::string::npos, part);
}
