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

const IsPolicyInForce only_one = [](const std::string& policy) { return policy == "known"; };

SasTerms terms_of(const std::string& permissions) {
  SasTerms terms;
  terms.container = "box";
  terms.permissions = permissions;
  terms.now = now;
  terms.expires = now + 60;
  return terms;
}

std::string sas_of(const std::string& permissions) {
  return sign_sas(account, terms_of(permissions));
}

// A GET of a blob with a SAS.
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
    check_blob_access(account, request, client, when, only_one);
  } catch (const BlobError& refusal) {
    return refusal.code();
  }
  return "";
}

}  // namespace

TEST_CASE("a container's SAS allows what it says until it ends") {
  const std::string sas = sas_of("rl");
  BlobRequest request = with_sas(sas);
  const BlobGrant grant = check_blob_access(account, request, "10.0.0.1", now, only_one);
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
  const BlobRequest good = with_sas(sas_of("r"));
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

TEST_CASE("a directory's SAS is for what is below it alone") {
  SasTerms terms = terms_of("cw");
  terms.resource = SasTerms::Resource::directory;
  terms.path = "issues/demo/n1";
  BlobRequest request = with_sas(sign_sas(account, terms));
  for (const char* inside : {"issues/demo/n1/a", "issues/demo/n1/b/c"}) {
    request.blob = inside;
    CHECK(code_of(request).empty());
  }
  for (const char* outside : {"issues/demo/n1", "issues/demo/n10/a", "issues/demo/n2/a",
                              "issues/other/n1/a", "issues/demo/a", "a", ""}) {
    request.blob = outside;
    CHECK(code_of(request) == "AuthenticationFailed");
  }
  request.blob = "issues/demo/n2/a";
  for (const char* depth : {"0", "1", "2", "4", "-1", "3x", "", "99999999999999999999"}) {
    request.query["sdd"] = depth;
    CHECK(code_of(request) == "AuthenticationFailed");
  }
}

TEST_CASE("a SAS ends with the policy that it names") {
  SasTerms terms = terms_of("r");
  terms.policy = "known";
  CHECK(code_of(with_sas(sign_sas(account, terms))).empty());
  terms.policy = "removed";
  CHECK(code_of(with_sas(sign_sas(account, terms))) == "AuthenticationFailed");
}

TEST_CASE("permissions out of order are refused, as Azure does") {
  CHECK(code_of(with_sas(sas_of("rw"))).empty());
  CHECK(code_of(with_sas(sas_of("wr"))) == "AuthenticationFailed");
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
