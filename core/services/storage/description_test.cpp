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

TEST_CASE("the account of a host name of the Blob service") {
  for (const auto* host :
       {"acct.blob.core.windows.net", "acct.privatelink.blob.core.windows.net",
        "acct-secondary.blob.core.windows.net", "acct.z12.blob.storage.azure.net",
        "acct.blob.core.chinacloudapi.cn", "acct.dfs.core.usgovcloudapi.net"}) {
    const auto locker =
        described(std::string(R"({"url": "https://)") + host + R"(/box", "account_key": "a2V5"})");
    CHECK_MESSAGE(locker.account == "acct", host);
    CHECK_MESSAGE(locker.container == "box", host);
    CHECK_MESSAGE(
        described(std::string(R"({"url": "az://)") + host + R"(/box"})").account == "acct", host);
  }
  CHECK(described(R"({"url": "https://acct.dfs.core.windows.net/box"})").base ==
        "https://acct.blob.core.windows.net");
  CHECK(described(R"({"url": "az://acct.z12.blob.storage.azure.net/box"})").base ==
        "https://acct.z12.blob.storage.azure.net");
}

TEST_CASE("a prefix in the container, and schemes in any case") {
  auto locker = described(R"({"url": "AZ://acct/box/team/a/"})");
  CHECK(locker.address == "az://acct/box/team/a");
  CHECK(locker.container == "box");
  CHECK(locker.blob_url("blobs/p/x y") ==
        "https://acct.blob.core.windows.net/box/team/a/blobs/p/x%20y");
  locker = described(R"({"url": " HTTPS://acct.blob.core.windows.net/box/team "})");
  CHECK(locker.address == "https://acct.blob.core.windows.net/box/team");
  CHECK(locker.prefix == "team/");
  CHECK(described(R"({"url": "az://a/b", "endpoint": "Https://host/a"})").base == "https://host/a");
  CHECK(described(R"({"url": "FILE:///srv"})").directory == "/srv");
}

TEST_CASE("credentials as people paste them") {
  const auto sas = [](const std::string& json) { return described(json).credential.secret; };
  const std::string good = "sv=1&sig=a%2Fb%2Bc%3D";
  CHECK(sas(R"({"url": "az://a/b", "sas": "\n ?sv=1&sig=a%2Fb%2Bc%3D\r\n"})") == good);
  CHECK(sas(R"({"url": "az://a/b", "sas": "sv=1&sig=a/b+c="})") == "sv=1&sig=a/b%2Bc=");
  CHECK(sas(R"({"url": "az://a/b", "sas": "'&sv=1&amp;sig=a%2Fb%2Bc%3D'"})") == good);
  CHECK(sas(R"({"url": "az://a/b", "sas": "https://a.blob.core.windows.net/b?sv=1&sig=x"})") ==
        "sv=1&sig=x");
  CHECK(sas(R"({"url": "https://a.blob.core.windows.net/b?sv=1&sig=x"})") == "sv=1&sig=x");
  CHECK(described(R"({"url": "https://a.blob.core.windows.net/b?sv=1&sig=x"})").address ==
        "https://a.blob.core.windows.net/b");
  CHECK(sas(R"({"url": "az://a/b", "account_key": " a2V5\n"})") == "key");
  // An offset is understood; a time that is none costs only itself.
  const auto expires = [](const std::string& time) {
    const auto locker = described(
        R"({"url": "az://a/b", "sas": "se=2026-01-02&sig=x", "expires": ")" + time + "\"}");
    return jetpack::support::iso_8601_seconds(locker.expires.value());
  };
  CHECK(expires("2030-01-01T02:00:00+02:00") == "2030-01-01T00:00:00Z");
  CHECK(expires("next year") == "2026-01-02T00:00:00Z");
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
                           R"({"url": "az://acct/a/../b"})",
                           R"({"url": "az://acct/a//b"})",
                           R"({"url": "az://acct/.."})",
                           R"({"url": "file://host/x"})",
                           R"({"url": "https://host"})",
                           R"({"url": "https://host/a/b/c"})",
                           R"({"url": "https://host/box?comp=list"})",
                           R"({"url": "https://host/a b"})",
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
