// What is taken as the description of a locker, and what is refused without telling a secret.
#include "services/storage/description.hpp"
#include "support/times.hpp"

#include <doctest/doctest.h>

#include <jetpack/error.hpp>

using jetpack::storage::Credential;
using jetpack::storage::Description;
using jetpack::storage::parse_description;

namespace {

Description described(const std::string& json) { return parse_description(json, "here"); }

std::string fault(const std::string& json) {
  try {
    return "taken: " + described(json).address;
  } catch (const jetpack::Error& e) {
    return e.what();
  }
}

}  // namespace

TEST_CASE("an account of Azure") {
  const auto locker =
      described(R"({"url": "az://acct/box/", "sas": "?sv=1&se=2026-01-02T03:04:05Z&sig=x%3D"})");
  CHECK(locker.address == "az://acct/box");
  CHECK(locker.container_url() == "https://acct.blob.core.windows.net/box");
  CHECK(locker.account == "acct");
  CHECK(locker.credential.kind == Credential::Kind::sas);
  CHECK(locker.credential.secret == "sv=1&se=2026-01-02T03:04:05Z&sig=x%3D");
  REQUIRE(locker.expires);
  CHECK(jetpack::support::iso_8601_seconds(*locker.expires) == "2026-01-02T03:04:05Z");
}

TEST_CASE("an endpoint of its own, with the account in the path") {
  const auto locker = described(
      R"({"url": "az://hub/locker", "endpoint": "https://127.0.0.1:4443/hub", "account_key": "a2V5", "ca_file": "/x/ca.pem", "later": 1})");
  CHECK(locker.address == "az://hub/locker");
  CHECK(locker.container_url() == "https://127.0.0.1:4443/hub/locker");
  CHECK(locker.account == "hub");
  CHECK(locker.credential.secret == "key");
  CHECK(locker.ca_file == "/x/ca.pem");
}

TEST_CASE("addresses by https") {
  auto locker = described(R"({"url": "https://acct.blob.core.windows.net/box", "identity": {}})");
  CHECK(locker.account == "acct");
  CHECK(locker.container == "box");
  CHECK(locker.credential.kind == Credential::Kind::identity);
  locker = described(R"({"url": "https://host:9/acct/box", "identity": {"client_id": "a/b"}})");
  CHECK(locker.base == "https://host:9/acct");
  CHECK(locker.account == "acct");
  CHECK(locker.credential.identity == "client_id=a%2Fb");
  locker = described(R"({"url": "http://127.0.0.1:8080/files"})");
  CHECK(locker.base == "http://127.0.0.1:8080");
  CHECK(locker.container == "files");
  CHECK(locker.credential.kind == Credential::Kind::none);
  locker = described(R"({"url": "https://host/box", "account": "acct", "account_key": "a2V5"})");
  CHECK(locker.account == "acct");
}

TEST_CASE("a directory") {
  const auto locker = described(R"({"url": "file:///srv/locker/"})");
  CHECK(locker.directory == "/srv/locker");
  CHECK(locker.address == "file:///srv/locker");
}

TEST_CASE("what cannot be used is refused, and says where it stands") {
  for (const auto* json : {R"({})",
                           R"({"url": 5})",
                           R"({"url": "s3://a/b"})",
                           R"({"url": "az://acct"})",
                           R"({"url": "az://acct/a/b"})",
                           R"({"url": "az://acct/.."})",
                           R"({"url": "file://host/x"})",
                           R"({"url": "https://host"})",
                           R"({"url": "https://host/a/b/c"})",
                           R"({"url": "https://host/box?sig=1"})",
                           R"({"url": "http://host/box"})",
                           R"({"url": "https://u:p@host/box"})",
                           R"({"url": "https://ho st/box"})",
                           R"({"url": "az://a/b", "sas": "hunter2"})",
                           R"({"url": "az://a/b", "account_key": "!hunter2"})",
                           R"({"url": "az://a/b", "sas": "sig=hunter2", "account_key": "a2V5"})",
                           R"({"url": "az://a/b", "sas": "sig=hunter2\nx"})",
                           R"({"url": "http://127.0.0.1/a/b", "identity": {}})",
                           R"({"url": "https://h/b", "account_key": "a2V5"})",
                           R"({"url": "az://a/b", "endpoint": "http://1.2.3.4/a"})",
                           R"({"url": "az://a/b", "ca_file": "ca.pem"})",
                           "[]",
                           ""}) {
    const std::string text = fault(json);
    CHECK_MESSAGE(text.find("taken") == std::string::npos, json);
    CHECK_MESSAGE(text.find("here") != std::string::npos, json);
    CHECK_MESSAGE(text.find("hunter2") == std::string::npos, json);
  }
}
