// The hub's certificate authority and the server certificate that it signs. OpenSSL directly:
// Poco's wrapper reads certificates but cannot create them.
#include "common/certificates.hpp"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include <jetpack/error.hpp>
#include "common/openssl.hpp"
#include "support/encoding.hpp"
#include "support/file_lock.hpp"
#include "support/files.hpp"
#include "support/random.hpp"

namespace jetpack::hub {

namespace fs = std::filesystem;

namespace {

constexpr long day_seconds = 24L * 60 * 60;
constexpr long authority_days = 3650;
// Some clients reject server certificates that are valid for longer.
constexpr long server_days = 397;
constexpr int renew_days = 30;
// Backdated, for nodes with a slow clock.
constexpr long skew_seconds = 60L * 60;

using Extension = std::unique_ptr<X509_EXTENSION, FreeWith<X509_EXTENSION_free>>;
using Names = std::unique_ptr<GENERAL_NAMES, FreeWith<GENERAL_NAMES_free>>;
using Number = std::unique_ptr<BIGNUM, FreeWith<BN_free>>;

void must(bool succeeded, const char* doing) {
  if (succeeded) return;
  std::array<char, 256> reason{};
  ERR_error_string_n(ERR_get_error(), reason.data(), reason.size());
  throw Error(Errc::failed, std::string("failed to ") + doing + ": " + reason.data());
}

std::string content_of(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return {data, static_cast<size_t>(size)};
}

std::string to_pem(EVP_PKEY* key) {
  const Bio out(BIO_new(BIO_s_mem()));
  must(out && PEM_write_bio_PKCS8PrivateKey(out.get(), key, nullptr, nullptr, 0, nullptr,
                                            nullptr) == 1,
       "write a key");
  return content_of(out.get());
}

std::string to_pem(X509* certificate) {
  const Bio out(BIO_new(BIO_s_mem()));
  must(out && PEM_write_bio_X509(out.get(), certificate) == 1, "write a certificate");
  return content_of(out.get());
}

Bio bio_of(const std::string& pem) {
  return Bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
}

Key read_key(const std::optional<std::string>& pem) {
  if (!pem) return nullptr;
  return Key(PEM_read_bio_PrivateKey(bio_of(*pem).get(), nullptr, nullptr, nullptr));
}

Certificate read_certificate(const std::optional<std::string>& pem) {
  if (!pem) return nullptr;
  return Certificate(PEM_read_bio_X509(bio_of(*pem).get(), nullptr, nullptr, nullptr));
}

Key make_key() {
  Key key(EVP_EC_gen("P-256"));
  must(key != nullptr, "create a key");
  return key;
}

void set_random_serial(X509* certificate) {
  const Number number(BN_new());
  must(number && BN_rand(number.get(), 127, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ANY) == 1 &&
           BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(certificate)) != nullptr,
       "set the serial number of a certificate");
}

void set_name(X509_NAME* name, const std::string& common_name) {
  must(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
                                  reinterpret_cast<const unsigned char*>(common_name.data()),
                                  static_cast<int>(common_name.size()), -1, 0) == 1,
       "set the name of a certificate");
}

void add_extension(X509* certificate, X509* issuer, int nid, const std::string& value) {
  X509V3_CTX context{};
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  const Extension extension(X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str()));
  must(extension && X509_add_ext(certificate, extension.get(), -1) == 1,
       "add an extension to a certificate");
}

Certificate blank_certificate(EVP_PKEY* key, const std::string& common_name, long days) {
  Certificate certificate(X509_new());
  must(certificate != nullptr, "create a certificate");
  X509* raw = certificate.get();
  must(X509_set_version(raw, X509_VERSION_3) == 1, "create a certificate");
  set_random_serial(raw);
  must(X509_gmtime_adj(X509_getm_notBefore(raw), -skew_seconds) != nullptr &&
           X509_gmtime_adj(X509_getm_notAfter(raw), days * day_seconds) != nullptr &&
           X509_set_pubkey(raw, key) == 1,
       "create a certificate");
  set_name(X509_get_subject_name(raw), common_name);
  return certificate;
}

Certificate make_authority(EVP_PKEY* key) {
  // A random part keeps the authorities of two hubs apart in a trust store.
  Certificate authority = blank_certificate(
      key, "jetpack hub CA " + support::hex(support::random_bytes(4)), authority_days);
  X509* raw = authority.get();
  must(X509_set_issuer_name(raw, X509_get_subject_name(raw)) == 1, "create a certificate");
  add_extension(raw, raw, NID_basic_constraints, "critical,CA:TRUE,pathlen:0");
  add_extension(raw, raw, NID_key_usage, "critical,keyCertSign,cRLSign");
  add_extension(raw, raw, NID_subject_key_identifier, "hash");
  add_extension(raw, raw, NID_authority_key_identifier, "keyid:always");
  must(X509_sign(raw, key, EVP_sha256()) > 0, "sign a certificate");
  return authority;
}

Certificate make_server(EVP_PKEY* key, X509* authority, EVP_PKEY* authority_key,
                        const std::set<std::string>& names) {
  std::string alternative;
  for (const auto& name : names) alternative += (alternative.empty() ? "" : ",") + name;
  Certificate server = blank_certificate(key, "jetpack hub", server_days);
  X509* raw = server.get();
  must(X509_set_issuer_name(raw, X509_get_subject_name(authority)) == 1, "create a certificate");
  add_extension(raw, authority, NID_basic_constraints, "critical,CA:FALSE");
  add_extension(raw, authority, NID_key_usage, "critical,digitalSignature");
  add_extension(raw, authority, NID_ext_key_usage, "serverAuth");
  add_extension(raw, authority, NID_subject_alt_name, alternative);
  add_extension(raw, authority, NID_subject_key_identifier, "hash");
  add_extension(raw, authority, NID_authority_key_identifier, "keyid:always");
  must(X509_sign(raw, authority_key, EVP_sha256()) > 0, "sign a certificate");
  return server;
}

std::optional<std::string> address_name(std::string_view bytes) {
  const int family = bytes.size() == 4 ? AF_INET : AF_INET6;
  if (bytes.size() != 4 && bytes.size() != 16) return std::nullopt;
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (inet_ntop(family, bytes.data(), text.data(), text.size()) == nullptr) return std::nullopt;
  return std::string("IP:") + text.data();
}

// The name as an address, in its one canonical form; nullopt when it is not one.
std::optional<std::string> address_bytes(const std::string& name) {
  std::array<char, 16> bytes{};
  if (inet_pton(AF_INET, name.c_str(), bytes.data()) == 1) return address_name({bytes.data(), 4});
  if (inet_pton(AF_INET6, name.c_str(), bytes.data()) == 1) return address_name({bytes.data(), 16});
  return std::nullopt;
}

bool is_host_name(std::string_view name) {
  return !name.empty() && name.size() <= 253 && name.front() != '-' && name.front() != '.' &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '-' || c == '.';
         });
}

std::set<std::string> names_in(X509* certificate) {
  std::set<std::string> found;
  const Names names(static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  for (int i = 0; names && i < sk_GENERAL_NAME_num(names.get()); ++i) {
    int type = 0;
    const auto* text = static_cast<const ASN1_STRING*>(
        GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(names.get(), i), &type));
    const std::string_view value(reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
                                 static_cast<size_t>(ASN1_STRING_length(text)));
    if (type == GEN_DNS) found.insert("DNS:" + std::string(value));
    if (type == GEN_IPADD) found.insert(address_name(value).value_or("IP:?"));
  }
  return found;
}

bool is_current(X509* certificate) {
  int days = 0, seconds = 0;
  return ASN1_TIME_diff(&days, &seconds, nullptr, X509_get0_notAfter(certificate)) == 1 &&
         days >= renew_days;
}

fs::path authority_file(const fs::path& directory) { return directory / "ca.pem"; }
fs::path authority_key_file(const fs::path& directory) { return directory / "ca-key.pem"; }

struct Authority {
  Key key;
  Certificate certificate;
};

// The authority, created if missing; the caller holds the lock. The key is written first: a crash
// leaves a key without a certificate, which the next call creates.
Authority load_authority(const fs::path& directory) {
  const auto key_pem = support::read_file(authority_key_file(directory), max_pem);
  const auto certificate_pem = support::read_file(authority_file(directory), max_pem);
  Authority authority{read_key(key_pem), read_certificate(certificate_pem)};
  if (certificate_pem) {
    if (!authority.key || !authority.certificate ||
        X509_check_private_key(authority.certificate.get(), authority.key.get()) != 1)
      throw Error(
          Errc::corrupt,
          "invalid certificate authority of the hub: " + authority_key_file(directory).string() +
              " is not the key of " + authority_file(directory).string() +
              "\nRestore both files from backup, or remove both and enroll every node again.");
    return authority;
  }
  if (!authority.key) {
    authority.key = make_key();
    support::write_durably(authority_key_file(directory), to_pem(authority.key.get()), 0600);
  }
  authority.certificate = make_authority(authority.key.get());
  support::write_durably(authority_file(directory), to_pem(authority.certificate.get()), 0644);
  return authority;
}

support::FileLock lock(const fs::path& directory) {
  support::create_directories(directory, 0700);
  return support::FileLock::wait(directory / "lock", 0600);
}

}  // namespace

std::set<std::string> certificate_names(const std::vector<std::string>& names) {
  std::set<std::string> all{"DNS:localhost", "IP:127.0.0.1", "IP:::1"};
  for (const auto& name : names) {
    const auto address = address_bytes(name);
    if (!address && !is_host_name(name))
      throw Error(Errc::usage,
                  "cannot create a certificate for '" + name + "': not a host name or IP address");
    all.insert(address ? *address : "DNS:" + name);
  }
  return all;
}

fs::path ensure_authority(const fs::path& directory) {
  const support::FileLock held = lock(directory);
  load_authority(directory);
  return authority_file(directory);
}

std::string authority_hash(const fs::path& directory) {
  const Certificate authority =
      read_certificate(support::read_file(authority_file(directory), max_pem));
  if (!authority) return {};
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  must(X509_digest(authority.get(), EVP_sha256(), digest.data(), &size) == 1, "hash a certificate");
  return "sha256:" + support::hex(std::span(digest).first(size));
}

fs::path ensure_server_certificate(const fs::path& directory,
                                   const std::vector<std::string>& names) {
  const auto wanted = certificate_names(names);
  const support::FileLock held = lock(directory);
  const Authority authority = load_authority(directory);
  fs::path file = directory / "server.pem";
  const auto old_pem = support::read_file(file, max_pem);
  const Certificate old = read_certificate(old_pem);
  const Key old_key = read_key(old_pem);
  const bool is_good = old && old_key && X509_check_private_key(old.get(), old_key.get()) == 1 &&
                       X509_verify(old.get(), authority.key.get()) == 1 && is_current(old.get()) &&
                       names_in(old.get()) == wanted;
  ERR_clear_error();
  if (is_good) return file;
  const Key key = make_key();
  const Certificate server =
      make_server(key.get(), authority.certificate.get(), authority.key.get(), wanted);
  support::write_durably(file, to_pem(key.get()) + to_pem(server.get()), 0600);
  return file;
}

}  // namespace jetpack::hub
