// Where this system keeps the CA certificates that it trusts.
#include "support/ca_store.hpp"

#include <unistd.h>

#include <cstdlib>
#include <string_view>

#include "support/files.hpp"

namespace jetpack::support {

namespace {

constexpr const char* known_files[] = {
    "/etc/ssl/certs/ca-certificates.crt",                 // Debian, Ubuntu, Azure Linux
    "/etc/pki/tls/certs/ca-bundle.crt",                   // RHEL and its kin, Azure Linux
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",  // what that is a link to
    "/var/lib/ca-certificates/ca-bundle.pem",             // SLES 15
    "/etc/ssl/ca-bundle.pem",                             // SLES, its link
    "/etc/ssl/cert.pem",                                  // Alpine
};

constexpr const char* known_directories[] = {
    "/etc/ssl/certs",                // Debian, SLES
    "/var/lib/ca-certificates/pem",  // SLES, what that is a link to
    "/etc/pki/tls/certs",            // Fedora and RHEL from 10 on
};

// "4042bcee.0", as `openssl rehash` names links.
bool is_hash_name(std::string_view name) {
  constexpr size_t hash_size = 8;
  return name.size() == hash_size + 2 && name.substr(hash_size) == ".0" &&
         name.find_first_not_of("0123456789abcdef") == hash_size;
}

bool has_hash_names(const std::string& path) {
  const Directory directory(::opendir(path.c_str()));
  if (!directory) return false;
  while (const dirent* entry = ::readdir(directory.get()))
    if (is_hash_name(entry->d_name)) return true;
  return false;
}

}  // namespace

CaStore find_ca_store(const std::string& root) {
  CaStore store;
  for (const char* file : known_files)
    if (store.file.empty() && ::access((root + file).c_str(), R_OK) == 0) store.file = root + file;
  for (const char* directory : known_directories)
    if (store.directory.empty() && has_hash_names(root + directory))
      store.directory = root + directory;
  return store;
}

CaStore system_ca_store() {
  const char* file = std::getenv("SSL_CERT_FILE");
  const char* directory = std::getenv("SSL_CERT_DIR");
  CaStore store;
  if (file == nullptr || directory == nullptr) store = find_ca_store("");
  if (file != nullptr) store.file = file;
  if (directory != nullptr) store.directory = directory;
  return store;
}

}  // namespace jetpack::support
