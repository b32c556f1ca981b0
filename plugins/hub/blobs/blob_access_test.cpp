// Tests of blob access checks. What other clients sign is tested in tests/integration.
#include "blobs/blob_access.hpp"

#include <Poco/URI.h>
#include <doctest/doctest.h>

#include "blobs/blob_error.hpp"
#include "blobs/blob_store.hpp"

using namespace jetpack::hub;

namespace {

constexpr int64_t now = 1'700'000'000;  // 2023-11-14T22:13:20Z
const BlobAccount account{"jetpackhub", "c2VjcmV0"};

// A GET of a blob with a SAS from sign_container.
BlobRequest with_sas(const std::string& sas) {
  BlobRequest request;
  request.method = "GET";
  request.raw_path = "/jetpackhub/box/a";
  request.account = "jetpackhub";
  request.container = "box";
  request.blob = "a";
  for (const auto& [name, value] : Poco::URI("https://h/?" + sas).getQueryParameters())
    request.query.emplace(name, value);
  return request;
}

std::string code_of(const BlobRequest& request, int64_t when = now,
                    const std::string& client = "10.0.0.1") {
  try {
    check_blob_access(account, request, client, when);
  } catch (const BlobError& refusal) {
    return refusal.code();
  }
  return "";
}

}  // namespace

TEST_CASE("a container's SAS allows what it says until it ends") {
  const std::string sas = sign_container(account, "box", "rl", now, now + 60);
  BlobRequest request = with_sas(sas);
  const BlobGrant grant = check_blob_access(account, request, "10.0.0.1", now);
  CHECK(grant.allows('r'));
  CHECK(grant.allows('l'));
  CHECK_FALSE(grant.allows('w'));
  CHECK(code_of(request, now + 59).empty());
  CHECK(code_of(request, now + 60) == "AuthenticationFailed");
  CHECK(code_of(request, now - 901) == "AuthenticationFailed");
  request.container = "other";
  CHECK(code_of(request) == "AuthenticationFailed");
}

TEST_CASE("a SAS that was changed in any part is refused") {
  const BlobRequest good = with_sas(sign_container(account, "box", "r", now, now + 60));
  REQUIRE(code_of(good).empty());
  for (const char* name : {"sv", "sr", "sp", "spr", "st", "se", "sig"}) {
    BlobRequest request = good;
    request.query[name] += "x";
    CHECK_FALSE(code_of(request).empty());
    request.query.erase(name);
    CHECK_FALSE(code_of(request).empty());
  }
  for (const char* name : {"sip", "rscd", "si", "ses", "ss", "skoid"}) {
    BlobRequest request = good;
    request.query[name] = "x";
    CHECK_FALSE(code_of(request).empty());
  }
}

TEST_CASE("permissions out of order are refused, as Azure does") {
  CHECK(code_of(with_sas(sign_container(account, "box", "rw", now, now + 60))).empty());
  CHECK(code_of(with_sas(sign_container(account, "box", "wr", now, now + 60))) ==
        "AuthenticationFailed");
}

TEST_CASE("without credentials, and with those of others, nothing is allowed") {
  BlobRequest request = with_sas("");
  CHECK(code_of(request) == "NoAuthenticationInformation");
  request.headers["authorization"] = "Bearer x";
  CHECK(code_of(request) == "AuthenticationFailed");
  request.headers = {{"authorization", "SharedKey jetpackhub:AAAA"},
                     {"x-ms-version", "2020-12-06"},
                     {"x-ms-date", "Tue, 14 Nov 2023 22:13:20 GMT"}};
  CHECK(code_of(request) == "AuthenticationFailed");
  request.account = "other";
  CHECK(code_of(request) == "AuthorizationFailure");
}
