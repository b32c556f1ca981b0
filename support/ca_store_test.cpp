// Tests of where CA certificates are looked for.
#include "support/ca_store.hpp"

#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <optional>

#include <doctest/doctest.h>

#include "support/testing/temporary_directory.hpp"

namespace jetpack::support {

namespace {

namespace fs = std::filesystem;

// Sets an environment variable, or removes it, until the end of the scope.
class Variable {
 public:
  Variable(const char* name, const char* value) : name_(name) {
    if (const char* before = ::getenv(name)) before_ = before;
    set(value);
  }
  ~Variable() { set(before_ ? before_->c_str() : nullptr); }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;

 private:
  void set(const char* value) {
    if (value == nullptr)
      ::unsetenv(name_);
    else
      ::setenv(name_, value, 1);
  }

  const char* name_;
  std::optional<std::string> before_;
};

void create(const std::string& path) {
  fs::create_directories(fs::path(path).parent_path());
  std::ofstream(path) << "-----BEGIN CERTIFICATE-----\n";
}

}  // namespace

TEST_CASE("each distribution's store is found") {
  struct {
    const char* file;
    const char* hashed;
    CaStore expected;
  } const systems[] = {
      {"/etc/ssl/certs/ca-certificates.crt",
       "/etc/ssl/certs/4042bcee.0",
       {"/etc/ssl/certs/ca-certificates.crt", "/etc/ssl/certs"}},
      {"/etc/pki/tls/certs/ca-bundle.crt",
       "/etc/pki/tls/certs/ca-bundle.trust.crt",
       {"/etc/pki/tls/certs/ca-bundle.crt", ""}},
      {"/var/lib/ca-certificates/ca-bundle.pem",
       "/var/lib/ca-certificates/pem/4042bcee.0",
       {"/var/lib/ca-certificates/ca-bundle.pem", "/var/lib/ca-certificates/pem"}},
      {"/etc/ssl/ca-bundle.pem", "/etc/ssl/certs/README.0", {"/etc/ssl/ca-bundle.pem", ""}},
      {"/etc/elsewhere.pem", "/etc/elsewhere/4042bcee.0", {"", ""}},
  };
  for (const auto& system : systems) {
    CAPTURE(system.file);
    const TemporaryDirectory root;
    create(root.path() + system.file);
    create(root.path() + system.hashed);
    CaStore found = find_ca_store(root.path());
    for (auto* path : {&found.file, &found.directory})
      if (!path->empty()) path->erase(0, root.path().size());
    CHECK(found.file == system.expected.file);
    CHECK(found.directory == system.expected.directory);
  }
}

TEST_CASE("the environment says where the store is") {
  const Variable no_file("SSL_CERT_FILE", nullptr);
  const Variable no_directory("SSL_CERT_DIR", nullptr);
  CHECK(system_ca_store() == find_ca_store(""));
  const Variable file("SSL_CERT_FILE", "/somewhere/ca.pem");
  CHECK(system_ca_store() == CaStore{"/somewhere/ca.pem", find_ca_store("").directory});
  const Variable directory("SSL_CERT_DIR", "/one:/two");
  CHECK(system_ca_store() == CaStore{"/somewhere/ca.pem", "/one:/two"});
}

}  // namespace jetpack::support
