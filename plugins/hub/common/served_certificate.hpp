// The certificate that the hub shows its clients; it can be replaced while the hub serves.
#pragma once

#include <openssl/types.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>

namespace jetpack::hub {

// Where a certificate and its key are, PEM; both may be in one file. The certificate is followed by
// those between it and its authority.
struct CertificateFiles {
  std::filesystem::path certificate, key;
};

// May be used from any thread. Outlives the contexts that it is attached to.
class ServedCertificate {
 public:
  // `authority`: PEM of what clients have to trust, "" where they do already. Throws as reload().
  ServedCertificate(CertificateFiles files, std::string authority);
  ServedCertificate(const ServedCertificate&) = delete;
  ServedCertificate& operator=(const ServedCertificate&) = delete;
  ~ServedCertificate();

  // Reads the files again, if they have changed; true if they have. Throws Errc::not_found or corrupt
  // for what cannot be used, and goes on with what it had.
  bool reload();

  // From now on the handshakes of the context use it.
  void attach(SSL_CTX* context);

  const std::string& authority() const { return authority_; }
  // When it expires, in Unix seconds.
  int64_t ends() const;

 private:
  struct Loaded;

  static int choose(SSL* connection, void* self) noexcept;
  std::shared_ptr<const Loaded> current() const;

  CertificateFiles files_;
  std::string authority_;
  mutable std::mutex mutex_;
  std::shared_ptr<const Loaded> loaded_;
};

}  // namespace jetpack::hub
