// blob_server.hpp: HTTPS for the hub's blobs: the part of Azure Blob Storage's REST that a locker
// needs.
#pragma once

#include "application_log.hpp"
#include "blob_access.hpp"
#include "blob_store.hpp"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

namespace hub {

// Serves from construction to destruction, on threads of its own.
class BlobServer {
 public:
  // The references must outlive the server. `listen`, `certificate`: as a Listener's.
  BlobServer(BlobStore& store, const BlobAccount& account, ApplicationLog& log,
             const std::string& listen, const std::filesystem::path& certificate);
  BlobServer(const BlobServer&) = delete;
  BlobServer& operator=(const BlobServer&) = delete;
  ~BlobServer();

  uint16_t port() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace hub
