// The certificate that the hub shows its clients; it can be replaced while the hub serves.
#include "common/served_certificate.hpp"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

#include <ctime>
#include <utility>
#include <vector>

#include <jetpack/error.hpp>
#include "common/certificates.hpp"
#include "common/openssl.hpp"
#include "support/files.hpp"

namespace jetpack::hub {

namespace {

std::string read_pem(const std::filesystem::path& file) {
  auto text = support::read_file(file, max_pem);
  if (!text)
    throw Error(Errc::not_found, "failed to read the certificate: " + file.string() + " not found");
  return *std::move(text);
}

[[noreturn]] void unusable(const std::filesystem::path& file, const std::string& why) {
  ERR_clear_error();
  throw Error(Errc::corrupt, "cannot use " + file.string() + ": " + why);
}

}  // namespace

struct ServedCertificate::Loaded {
  std::string text;  // of both files
  Key key;
  std::vector<Certificate> chain;  // the server's own first
  int64_t ends = 0;
};

ServedCertificate::ServedCertificate(CertificateFiles files, std::string authority)
    : files_(std::move(files)), authority_(std::move(authority)) {
  reload();
}

ServedCertificate::~ServedCertificate() = default;

std::shared_ptr<const ServedCertificate::Loaded> ServedCertificate::current() const {
  const std::lock_guard lock(mutex_);
  return loaded_;
}

bool ServedCertificate::reload() {
  auto next = std::make_shared<Loaded>();
  const std::string chain = read_pem(files_.certificate), key = read_pem(files_.key);
  next->text = chain + '\0' + key;
  const auto known = current();
  if (known && known->text == next->text) return false;
  const Bio key_text(BIO_new_mem_buf(key.data(), static_cast<int>(key.size())));
  next->key.reset(PEM_read_bio_PrivateKey(key_text.get(), nullptr, nullptr, nullptr));
  if (!next->key) unusable(files_.key, "no private key in PEM, without a passphrase");
  const Bio chain_text(BIO_new_mem_buf(chain.data(), static_cast<int>(chain.size())));
  while (X509* one = PEM_read_bio_X509(chain_text.get(), nullptr, nullptr, nullptr))
    next->chain.emplace_back(one);
  ERR_clear_error();
  if (next->chain.empty()) unusable(files_.certificate, "no certificate in PEM");
  if (X509_check_private_key(next->chain.front().get(), next->key.get()) != 1)
    unusable(files_.certificate, files_.key.string() + " is not the key of its first certificate");
  std::tm end{};
  if (ASN1_TIME_to_tm(X509_get0_notAfter(next->chain.front().get()), &end) == 1)
    next->ends = ::timegm(&end);
  const std::lock_guard lock(mutex_);
  loaded_ = std::move(next);
  return true;
}

void ServedCertificate::attach(SSL_CTX* context) { SSL_CTX_set_cert_cb(context, choose, this); }

int64_t ServedCertificate::ends() const { return current()->ends; }

// Called by OpenSSL in each handshake, before it needs the certificate.
int ServedCertificate::choose(SSL* connection, void* self) noexcept {
  const auto loaded = static_cast<const ServedCertificate*>(self)->current();
  bool is_set = SSL_use_certificate(connection, loaded->chain.front().get()) == 1 &&
                SSL_use_PrivateKey(connection, loaded->key.get()) == 1;
  for (size_t i = 1; i < loaded->chain.size(); ++i)
    is_set = is_set && SSL_add1_chain_cert(connection, loaded->chain[i].get()) == 1;
  return is_set ? 1 : 0;
}

}  // namespace jetpack::hub
