// Serves Azure's instance metadata service as far as a node uses it, simulated: plain HTTP on
// loopback.
#pragma once

#include <cstdint>
#include <stop_token>
#include <string>

#include "azure/simulation_file.hpp"
#include "blobs/blob_access.hpp"
#include "common/listener.hpp"
#include "store/database.hpp"
#include "support/log_file.hpp"

namespace jetpack::hub {

// What the handlers of requests work with.
struct MetadataServices {
  Database& database;
  BlobAccount account;
  const support::LogFile& log;
  SimulationFile simulation;
  std::stop_source stopping{};
};

// Serves from construction to destruction, on threads of its own.
class MetadataServer {
 public:
  // The references must outlive the server. Port 0: any free one.
  MetadataServer(Database& database, const BlobAccount& account, const support::LogFile& log,
                 const DataDirectory& data, uint16_t port, const Limits& limits);
  MetadataServer(const MetadataServer&) = delete;
  MetadataServer& operator=(const MetadataServer&) = delete;
  // Ends delayed responses.
  ~MetadataServer() { shared_.stopping.request_stop(); }

  std::string url() const { return "http://127.0.0.1:" + std::to_string(listener_.port()); }

 private:
  MetadataServices shared_;
  Listener listener_;
};

}  // namespace jetpack::hub
