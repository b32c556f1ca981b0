// Serves the hub's blobs over HTTPS: the part of the Azure Blob REST API that a locker needs.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "blobs/blob_access.hpp"
#include "blobs/blob_store.hpp"
#include "common/limits.hpp"
#include "common/served_certificate.hpp"
#include "support/log_file.hpp"

namespace jetpack::hub {

// Serves from construction to destruction, on threads of its own.
class BlobServer {
 public:
  // The references must outlive the server. `listen`, `certificate`: as a Listener's.
  BlobServer(BlobStore& store, const BlobAccount& account, IsPolicyInForce is_in_force,
             const support::LogFile& log, const std::string& listen, ServedCertificate& certificate,
             const Limits& limits);
  BlobServer(const BlobServer&) = delete;
  BlobServer& operator=(const BlobServer&) = delete;
  ~BlobServer();

  uint16_t port() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace jetpack::hub
