// Tests of certificates.
#include "common/certificates.hpp"

#include <doctest/doctest.h>

#include <jetpack/error.hpp>
#include "support/files.hpp"
#include "support/testing/temporary_directory.hpp"

using namespace jetpack::hub;
namespace support = jetpack::support;

namespace {

std::string content(const std::filesystem::path& file) {
  return *support::read_file(file, 100'000);
}

}  // namespace

TEST_CASE("names take their canonical form") {
  using Names = std::set<std::string>;
  CHECK(certificate_names({}) == Names{"DNS:localhost", "IP:127.0.0.1", "IP:::1"});
  CHECK(certificate_names({"head", "0:0::1", "10.0.0.1"}) ==
        Names{"DNS:localhost", "DNS:head", "IP:127.0.0.1", "IP:::1", "IP:10.0.0.1"});
  for (const char* bad : {"", "a b", "a,DNS:evil", "-x", "a\nb"})
    CHECK_THROWS_AS(certificate_names({bad}), jetpack::Error);
}

TEST_CASE("the authority stays, the server's certificate follows the names") {
  const support::TemporaryDirectory directory;
  const std::filesystem::path tls = directory.file("tls");
  const std::string authority = content(ensure_authority(tls));
  const auto file = ensure_server_certificate(tls, {"head"});
  const std::string server = content(file);
  CHECK(content(ensure_server_certificate(tls, {"head"})) == server);
  CHECK(content(ensure_server_certificate(tls, {"head", "10.0.0.1"})) != server);
  CHECK(content(ensure_authority(tls)) == authority);
  using std::filesystem::perms;
  CHECK(std::filesystem::status(tls / "ca-key.pem").permissions() ==
        (perms::owner_read | perms::owner_write));
  CHECK(std::filesystem::status(file).permissions() == (perms::owner_read | perms::owner_write));
}

TEST_CASE("an interrupted start is completed") {
  const support::TemporaryDirectory directory;
  const std::filesystem::path tls = directory.file("tls");
  ensure_authority(tls);
  const std::string key = content(tls / "ca-key.pem");
  std::filesystem::remove(tls / "ca.pem");
  ensure_authority(tls);
  CHECK(content(tls / "ca-key.pem") == key);
}

TEST_CASE("a server certificate that is damaged or of another authority is replaced") {
  const support::TemporaryDirectory directory;
  const std::filesystem::path tls = directory.file("tls"), other = directory.file("other");
  const auto file = ensure_server_certificate(tls, {});
  support::write_durably(file, "not PEM", 0600);
  CHECK(content(ensure_server_certificate(tls, {})).find("BEGIN CERTIFICATE") != std::string::npos);
  const std::string foreign = content(ensure_server_certificate(other, {}));
  support::write_durably(file, foreign, 0600);
  CHECK(content(ensure_server_certificate(tls, {})) != foreign);
}

TEST_CASE("an authority whose key is lost is an error, not a new authority") {
  const support::TemporaryDirectory directory;
  const std::filesystem::path tls = directory.file("tls");
  ensure_authority(tls);
  std::filesystem::remove(tls / "ca-key.pem");
  CHECK_THROWS_AS(ensure_authority(tls), jetpack::Error);
}
